"""The form of policies is what its documentation says, and rules take no name that is not in the table."""

import re
from typing import get_args

import pytest

from data.base.paths import PROJECT_ROOT
from expectations.policies import RulePolicies
from expectations.rules import DataRules

PAGE = PROJECT_ROOT / "docs" / "data-quality.md"


def test_fields_choices_and_defaults_are_those_of_the_documentation() -> None:
    row = re.compile(r"^\| `(\w+)` \| [^|]+ \| `(\w+)` \| ((?:`\w+` ?)+) \|$", flags=re.MULTILINE)
    documented = [
        (rule, default, {default, *re.findall(r"\w+", others)})
        for rule, default, others in row.findall(PAGE.read_text(encoding="utf-8"))
    ]
    fields = [
        (name, field.default, set(get_args(field.annotation))) for name, field in RulePolicies.model_fields.items()
    ]
    assert fields == documented


def test_each_field_has_a_description() -> None:
    assert all(field.description for field in RulePolicies.model_fields.values())


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="got the rule 'not_blink', expected one of known_splits"):
        DataRules(tolerated=("not_blink",))
