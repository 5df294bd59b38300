"""Stored records are valid JSON and are read back as they were, whatever numbers they have."""

import json
import math
from collections.abc import Mapping

import pytest
from pydantic import Field

from data.base.record import NumberOrWords, Record
from data.records.dataset import Finding
from data.records.promotion import Criterion
from tests.support.results_factory import make_results


class Measured(Record):
    accuracy: float
    low: float | None = None
    rates: Mapping[str, float] = Field(default_factory=dict)
    observed: NumberOrWords = ""


NUMBERS = (float("nan"), float("inf"), float("-inf"), 0.71)


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


@pytest.mark.parametrize("number", NUMBERS)
def test_every_number_is_valid_json_and_comes_back(number):
    measured = Measured(accuracy=number, low=number, rates={"sad": number}, observed=number)
    text = measured.model_dump_json()
    json.loads(text, parse_constant=refuse)
    again = Measured.model_validate_json(text)
    found = (again.accuracy, again.low, again.rates["sad"], again.observed)
    assert all(one == number or (math.isnan(number) and math.isnan(one)) for one in found)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_record_of_an_earlier_version_with_a_constant_is_read(constant):
    again = Measured.model_validate_json(f'{{"accuracy": {constant}, "observed": {constant}}}')
    assert str(again.accuracy) == str(again.observed) == str(float(constant))


def test_words_stay_words():
    assert Measured(accuracy=0, observed="not comparable").observed == "not comparable"


def test_a_criterion_and_a_finding_read_nan_as_a_figure():
    nan = float("nan")
    criterion = Criterion(name="reload", passed=False, observed=nan, limit=nan, message="not measured")
    finding = Finding(rule="drift", severity="info", success=True, observed=nan, expected="any", message="measured")
    again = Criterion.model_validate_json(criterion.model_dump_json())
    figures = (again.observed, again.limit, Finding.model_validate_json(finding.model_dump_json()).observed)
    assert all(isinstance(figure, float) and math.isnan(figure) for figure in figures)


def test_results_with_nan_are_valid_json(tmp_path):
    results = make_results(tmp_path, trained=2)
    variant = next(v for v in results.variants if v.parts)
    parts = {name: part.model_copy(update={"log_loss": float("nan")}) for name, part in variant.parts.items()}
    broken = results.model_copy(update={"variants": (variant.model_copy(update={"parts": parts}),)})
    text = broken.model_dump_json()
    json.loads(text, parse_constant=refuse)
    again = type(results).model_validate_json(text)
    assert all(math.isnan(part.log_loss) for part in again.variants[0].parts.values())
