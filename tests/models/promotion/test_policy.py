"""The policy's defaults are those of the documentation, and its bounds refuse slips of the pen."""

import re

import pytest
from pydantic import ValidationError

from data.base.paths import PROJECT_ROOT
from models.promotion.policy import PromotionPolicy

DOCUMENT = (PROJECT_ROOT / "docs" / "promotion.md").read_text(encoding="utf-8")
SWITCHES = {"on": True, "off": False}


def documented_defaults() -> dict[str, float | bool]:
    """Read the fields and defaults from the last column of the table of criteria."""
    found = re.findall(r"\| `(\w+)` ([\w.]+) \|$", DOCUMENT, flags=re.MULTILINE)
    return {name: SWITCHES[value] if value in SWITCHES else float(value) for name, value in found}


def test_the_defaults_are_those_of_the_document():
    assert {"approval": "auto", **documented_defaults()} == PromotionPolicy().model_dump()


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("minimum_gain", 0, 0.5),
        ("first_margin", 0, 0.9),
        ("largest_recall_loss", 0, 1),
        ("largest_calibration_error", 0, 1),
        ("largest_latency_milliseconds", 0, 60_000),
        ("largest_latency_ratio", 0, 1000),
        ("largest_reload_difference", 0, 1),
    ],
)
def test_the_whole_range_of_a_limit_is_taken_and_nothing_beyond(field, lowest, highest):
    """A limit of minutes instead of milliseconds, or of points instead of a rate, is refused."""
    for value in (lowest, highest):
        assert getattr(PromotionPolicy(**{field: value}), field) == value
    for value in (lowest - 1e-6, highest + 1e-6):
        with pytest.raises(ValidationError, match=field):
            PromotionPolicy(**{field: value})


def test_a_policy_does_not_change_after_the_decision():
    with pytest.raises(ValidationError, match="frozen"):
        PromotionPolicy().minimum_gain = 0.1
