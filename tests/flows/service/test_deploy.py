"""prefect.yaml: every entrypoint loads, and the parameters given there fit it."""

from pathlib import Path

import pytest
import yaml
from prefect.flows import load_flow_from_entrypoint

from data.base.paths import PROJECT_ROOT
from flows.server.environment import RUN_ENVIRONMENT
from flows.service.deploy import JOB_TEMPLATE
from flows.service.parts import POOL
from flows.service.schedule import SCHEDULED
from models.search.space import SearchSpace

DEPLOYMENTS = yaml.safe_load((PROJECT_ROOT / "prefect.yaml").read_text())["deployments"]
ENTRYPOINTS = {deployment["name"]: deployment["entrypoint"] for deployment in DEPLOYMENTS}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_entrypoint_loads_and_parameters_fit(deployment, monkeypatch):
    monkeypatch.chdir(PROJECT_ROOT)
    flow = load_flow_from_entrypoint(deployment["entrypoint"])
    assert flow.name == deployment["name"]
    flow.validate_parameters(deployment["parameters"])


def test_runs_of_a_worker_have_the_settings_of_the_command_and_can_choose_no_other():
    assert JOB_TEMPLATE["job_configuration"] == {"env": RUN_ENVIRONMENT, "stream_output": True}
    assert JOB_TEMPLATE["variables"] == {"type": "object", "properties": {}, "additionalProperties": False}
    assert all(deployment["work_pool"] == {"name": POOL} for deployment in DEPLOYMENTS)


def test_the_form_offers_choices_and_limits(monkeypatch):
    monkeypatch.chdir(PROJECT_ROOT)
    flow = load_flow_from_entrypoint(ENTRYPOINTS["retrain"])
    properties = flow.parameters.model_dump()["properties"]
    built_in, _path = properties["preset"].pop("anyOf")
    assert built_in["enum"] == ["smoke", "demo", "quick", "best", "seed"]
    assert "compact" in properties["variants"]["items"]["enum"]
    assert properties["parallel"]["minimum"] == 0
    assert (properties["seeds"]["minimum"], properties["seeds"]["maximum"]) == (1, 20)
    assert all(not properties[name].get("anyOf") for name in properties), "no Optional in the form"


def test_bad_parameters_are_refused(monkeypatch):
    monkeypatch.chdir(PROJECT_ROOT)
    flow = load_flow_from_entrypoint(ENTRYPOINTS["retrain"])
    with pytest.raises(Exception, match="got preset 'slow', which is not a file"):
        flow.validate_parameters({"preset": "slow"})
    with pytest.raises(Exception, match="decodable"):
        flow.validate_parameters({"policies": {"decodable": "off"}})


def test_the_form_of_a_search_shows_its_space(monkeypatch):
    monkeypatch.chdir(PROJECT_ROOT)
    flow = load_flow_from_entrypoint(ENTRYPOINTS["tune"])
    schema = flow.parameters.model_dump()
    assert set(SearchSpace.model_fields) == set(schema["definitions"]["SearchSpace"]["properties"])
    with pytest.raises(Exception, match="got low 2"):
        flow.validate_parameters({"space": {"sgd_learning_rate": {"low": 2, "high": 1}}})


def test_the_file_names_no_path_of_one_machine():
    assert str(Path.home()) not in (PROJECT_ROOT / "prefect.yaml").read_text()


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_a_second_run_waits_and_a_bad_value_is_refused_before_a_run(deployment):
    assert deployment["description"]
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
    assert deployment["enforce_parameter_schema"] is True


def test_scheduled_deployments_have_one_named_schedule_that_is_off():
    scheduled = {entry["name"]: entry["schedules"] for entry in DEPLOYMENTS if "schedules" in entry}
    assert set(scheduled) == set(SCHEDULED)
    for schedules in scheduled.values():
        (schedule,) = schedules
        assert schedule["slug"]
        assert schedule["active"] is False


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_every_parameter_has_a_default_and_a_help_text(deployment, monkeypatch):
    monkeypatch.chdir(PROJECT_ROOT)
    schema = load_flow_from_entrypoint(deployment["entrypoint"]).parameters.model_dump()
    assert schema["required"] == []
    for name, field in schema["properties"].items():
        assert field.get("description"), name
        choices = field.get("anyOf", [field])  # shown as tabs
        assert all({"type", "allOf", "$ref"} & set(choice) for choice in choices), f"{name} shows as no proper control"
