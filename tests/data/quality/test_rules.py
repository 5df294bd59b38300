"""The table of rules is complete: each row has what policies, cleaning, findings and reports take from it."""

from typing import get_args

import pytest

from data.quality.cleaning import CleaningPolicy
from data.quality.rules import FAULTS, RULES, Rule, choose_switches

COMPARES_DATA_SETS = "similar_to_last"


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_a_row_is_complete(rule: Rule) -> None:
    assert rule.breach and rule.advice and not rule.advice.endswith(".")
    assert rule.default in get_args(rule.choices)
    assert bool(rule.expected) == (rule.name != COMPARES_DATA_SETS)
    assert bool(rule.column) == bool(rule.allowed)
    assert set(rule.faults) <= set(FAULTS)
    assert len(rule.found) == max(len(rule.faults), 1) or not rule.faults
    assert ("quarantine" in get_args(rule.choices)) == bool(rule.faults), "only images with a fault can be set aside"


def test_each_fault_breaks_a_rule_and_has_a_switch() -> None:
    switches = choose_switches(dict.fromkeys(RULES, "quarantine"))
    assert set(switches) == set(FAULTS)
    assert list(CleaningPolicy.model_fields) == [*FAULTS, "blank_standard_deviation"]


def test_rules_that_share_a_fault_agree_on_its_switch() -> None:
    shared = [fault for fault in FAULTS if sum(fault in rule.faults for rule in RULES.values()) > 1]
    assert shared == ["undecodable", "unknown_folder"]
    for rule in RULES.values():
        if set(rule.faults) & set(shared):
            assert set(get_args(rule.choices)) == {"fail", "quarantine"}


def test_rules_that_need_groups_are_those_on_near_duplicates() -> None:
    needing = [rule for rule in RULES.values() if rule.needs_groups]
    assert needing == [rule for rule in RULES.values() if any(fault.startswith("near_") for fault in rule.faults)]
    assert len(needing) == 2
