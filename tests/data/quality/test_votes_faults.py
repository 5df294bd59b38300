"""Images in which most people saw no face; a data set without votes has no such image."""

import pandas as pd

from data.quality.cleaning import CleaningPolicy, clean_manifest, find_faults
from data.votes.column import VOTES
from expectations.policies import RulePolicies, policies_to_rules
from expectations.rules import DataRules
from expectations.run_suite import validate_manifest
from tests.support.image_tree import make_manifest

RULE = "no_face_by_votes"
RULES = DataRules(minimum_train_images=1, profile="none")


def make_voted() -> pd.DataFrame:
    """Return a manifest of four images: a clear face, no face, no face that is blank too, and one without votes."""
    manifest = make_manifest([("train", "happy", number) for number in range(4)])
    manifest.loc[2, "standard_deviation"] = 0.0
    no_face = [1.0, 0, 0, 0, 0, 2.0, 7.0]
    return manifest.assign(**{VOTES: [[9.0, 1.0, 0, 0, 0, 0, 0], no_face, no_face, None]})


def test_no_face_is_found_alone_and_set_aside():
    manifest = make_voted()
    faults = find_faults(manifest)
    assert faults.index[faults[RULE]].tolist() == [1]
    assert faults.loc[2][faults.loc[2]].index.tolist() == ["blank"]
    kept, quarantine = clean_manifest(manifest, CleaningPolicy())
    assert kept["path"].tolist() == ["train/happy/0.jpg", "train/happy/3.jpg"]
    assert quarantine["reason"].tolist() == [RULE, "blank"]


def test_the_rule_is_checked_only_with_votes():
    found = {finding.rule: finding for finding in validate_manifest(make_voted(), RULES).findings}
    assert not found[RULE].success and found[RULE].examples == ("train/happy/1.jpg",)
    assert found[RULE].message == "1 image found in which most people saw no face"
    plain = validate_manifest(make_voted().drop(columns=VOTES), RULES)
    assert RULE not in {finding.rule for finding in plain.findings}


def test_a_policy_keeps_these_images_or_stops_the_run():
    for choice, severity, kept in (("warn", "warning", 3), ("fail", "critical", 2), ("quarantine", "critical", 2)):
        rules, cleaning = policies_to_rules(RulePolicies.model_validate({RULE: choice}), RULES)
        assert rules.severity_of(RULE) == severity
        assert len(clean_manifest(make_voted(), cleaning)[0]) == kept
