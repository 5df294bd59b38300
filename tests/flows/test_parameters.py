"""Parameters that flows share: Prefect's form and the commands' options have the same text and the same bounds."""

import importlib

import pytest
from prefect.utilities.callables import parameter_schema
from typer.main import get_command

from flows.cli.commands import app

OPTIONS = {"time_budget_minutes": "time_budget"}
OWN_FORM = {
    "preset",
    "variant",
    "variants",
    "own_variants",
    "policies",
    "limits",
    "data_format",
    "promotion",
    "space",
    "out",
}
"""Parameters that a command takes in another form, or that no other flow has."""


@pytest.mark.parametrize("name", ["retrain", "ingest", "audit", "tune"])
def test_the_form_and_the_option_of_a_shared_parameter_say_the_same(name):
    flow = getattr(importlib.import_module(f"flows.{name}"), name)
    command = get_command(app).commands["run" if name == "retrain" else name]
    options = {option.name: option for option in command.params}
    fields = parameter_schema(flow).model_dump_for_openapi()["properties"]
    assert {"source", "relabel", "seed", "force"} <= fields.keys() - OWN_FORM
    for field in fields.keys() - OWN_FORM:
        schema, option = fields[field], options[OPTIONS.get(field, field)]
        assert schema["description"] == option.help
        assert schema["default"] == option.default
        assert schema.get("minimum") == (None if "exclusiveMinimum" in schema else getattr(option, "min", None))
        assert (schema.get("maximum") or schema.get("exclusiveMaximum", 1) - 1) == (getattr(option, "max", None) or 0)


@pytest.mark.parametrize("name", ["retrain", "ingest", "audit", "tune"])
def test_the_form_explains_every_parameter(name):
    flow = getattr(importlib.import_module(f"flows.{name}"), name)
    fields = parameter_schema(flow).model_dump_for_openapi()["properties"]
    assert all(field.get("description") for field in fields.values())
