"""The table of rules is complete: each row has what policies, cleaning, findings and reports take from it."""

from dataclasses import FrozenInstanceError
from typing import get_args

import pytest

from data.base.data_format import SEED_FORMAT
from data.quality.cleaning import CleaningPolicy
from data.quality.faults import FAULTS
from data.quality.rule import Rule
from data.quality.rules import RULES, allowed_values, choose_switches

COMPARES_DATA_SETS = "similar_to_last"


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_a_row_is_complete(rule: Rule) -> None:
    assert rule.breach and rule.advice and not rule.advice.endswith(".")
    assert rule.default in get_args(rule.choices)
    assert bool(rule.expected) == (rule.name != COMPARES_DATA_SETS)
    assert bool(rule.column) == bool(allowed_values(rule, SEED_FORMAT))
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


def test_unusable_images_are_the_faults_without_a_choice_to_keep_them() -> None:
    assert [rule.name for rule in RULES.values() if rule.tolerable] == [
        "face_large_enough",
        "really_gray",
        "not_blank",
        "no_face_by_votes",
        "no_duplicates_across_splits",
        "one_label_per_image",
        "no_duplicates_within_train",
        "no_duplicates_within_held_out",
        "no_near_duplicates_across_splits",
        "one_label_per_picture",
    ]


def test_a_breach_is_only_a_warning_where_the_default_is_one() -> None:
    assert {rule.name for rule in RULES.values() if rule.advisory} == {
        "nested_folder",
        "class_balance",
        "expected_counts",
        "no_duplicates_within_train",
        "no_duplicates_within_held_out",
        "one_label_per_picture",
    }


@pytest.mark.parametrize(
    ("choice", "set_aside"), [("fail", True), ("quarantine", True), ("warn", False), ("off", False)]
)
def test_images_are_set_aside_if_their_rule_fails_or_quarantines(choice: str, set_aside: bool) -> None:
    assert choose_switches(dict.fromkeys(RULES, choice)) == dict.fromkeys(FAULTS, set_aside)
    one = choose_switches(dict.fromkeys(RULES, "off") | {"not_blank": choice})
    assert one == dict.fromkeys(FAULTS, False) | {"blank": set_aside}


def test_without_a_choice_repeated_images_and_contradictory_pictures_stay() -> None:
    stay = {"repeated_train", "repeated_held_out", "near_label_conflict"}
    assert CleaningPolicy().model_dump() == {
        **{fault: fault not in stay for fault in FAULTS},
        "blank_standard_deviation": 1.0,
    }


def test_only_what_has_no_readable_header_is_told_without_its_values() -> None:
    silent = [rule.name for rule in RULES.values() if rule.column and not rule.names_values]
    assert silent == ["not_an_image"]


def test_a_rule_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        RULES["decodable"].default = "off"  # type: ignore[misc]
