"""The verdict is by severity and follows what cleaning removes; Great Expectations' pages are written and pruned.

test_judge shows that every rule passes good data and fails a targeted corruption.
"""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import expectations.custom_expectations
from data.base.errors import PipelineError
from data.base.parts import SPLITS
from data.base.paths import PROJECT_ROOT
from data.manifest.table import build_manifest
from data.quality.cleaning import CleaningPolicy, clean_manifest
from data.quality.rules import RULES as RULES_TABLE
from data.records.dataset import Finding, Verdict
from expectations.rules import DataRules, RuleName, cleaned_rules, published_rules
from expectations.run_suite import validate_manifest
from tests.support.image_tree import PLANTERS, make_manifest, write_image_tree
from tests.support.seed_format import CLASSES

RULES = DataRules(
    minimum_train_images=2,
    minimum_validation_images=2,
    minimum_test_images=2,
    maximum_train_ratio=2.5,
    maximum_validation_ratio=2.5,
    maximum_test_ratio=2.5,
)


def broken(verdict: Verdict) -> dict[str, Finding]:
    """Return the findings that did not pass, by rule."""
    return {finding.rule: finding for finding in verdict.findings if not finding.success}


def test_at_most_ten_examples_and_the_full_count() -> None:
    counts = {"train": 12, "validation": 2, "test": 2}
    rows = [(s, label, f"{s}{label}{n}") for s, images in counts.items() for label in CLASSES for n in range(images)]
    manifest = make_manifest(rows)
    manifest.loc[manifest["split"] == "train", "width"] = 64
    finding = broken(validate_manifest(manifest, RULES))["image_size"]
    assert (finding.observed, len(finding.examples)) == (48, 10)


def test_what_cleaning_mends_warns_before_and_holds_after(tmp_path: Path) -> None:
    root = write_image_tree(tmp_path, faults=PLANTERS)
    (root / "train/happy/notes.jpg").write_text("no image")
    manifest = build_manifest(root)
    policy = CleaningPolicy(repeated_train=True, repeated_held_out=True)
    before = validate_manifest(manifest, published_rules(RULES, policy))
    cleanable = {
        rule.name
        for rule in RULES_TABLE.values()
        if rule.faults and not (rule.needs_groups or rule.needs_faces or rule.needs_votes)
    }
    assert {finding.rule for finding in before.failed("warning")} == cleanable
    assert not before.failed("critical")
    uncleaned = validate_manifest(manifest, cleaned_rules(RULES, policy))
    critical = {rule for rule in cleanable if not RULES_TABLE[rule].advisory}
    assert {finding.rule for finding in uncleaned.failed("critical")} == critical
    kept, _ = clean_manifest(manifest, policy)
    assert not broken(validate_manifest(kept, cleaned_rules(RULES, policy)))


def test_a_copy_under_another_label_is_not_named_as_a_mere_repeat() -> None:
    rows = [("train", "happy", "a"), ("train", "sad", "a"), ("train", "sad", "b"), ("train", "sad", "b")]
    found = broken(validate_manifest(make_manifest(rows), RULES))
    assert found["one_label_per_image"].examples == ("train/happy/0.jpg", "train/sad/1.jpg")
    assert found["no_duplicates_within_train"].examples == ("train/sad/3.jpg",)


def test_a_missing_split_and_a_missing_class_are_told_apart() -> None:
    rows = [("train", label, f"{label}{number}") for label in CLASSES for number in (0, 1)]
    rows += [("test", label, label) for label in CLASSES if label != "sad"]
    finding = broken(validate_manifest(make_manifest(rows), RULES))["each_class_in_each_split"]
    assert finding.observed == 5
    assert finding.message == "the split validation is missing; no readable image of test/sad"


def test_each_split_has_its_own_ratio() -> None:
    images = {"happy": 6, "neutral": 2, "sad": 2, "surprise": 2}
    manifest = make_manifest(
        [(s, label, f"{s}{label}{n}") for s in SPLITS for label in CLASSES for n in range(images[label])]
    )
    loose = {"maximum_train_ratio": 3.0, "maximum_validation_ratio": 3.0, "maximum_test_ratio": 3.0}
    assert not broken(validate_manifest(manifest, RULES.model_copy(update=loose)))
    for bound in loose:
        strict = RULES.model_copy(update={**loose, bound: 2.9})
        assert broken(validate_manifest(manifest, strict))["class_balance"].observed == 3.0


def test_many_values_are_named_in_part() -> None:
    rows = [*((f"fold_{number}", "happy", str(number)) for number in range(10, 42)), ("", "", "loose")]
    finding = broken(validate_manifest(make_manifest(rows), RULES))["known_splits"]
    assert finding.observed == 33
    assert "test: (none) (1), fold_10 (1), fold_11 (1)" in finding.message
    assert finding.message.endswith("fold_38 (1) and 3 more")


def test_too_few_images_after_cleaning_are_critical() -> None:
    rows = [(split, label, f"{split}{label}{n}") for split in SPLITS for label in CLASSES for n in (0, 1)]
    verdict = validate_manifest(make_manifest(rows[1:]), cleaned_rules(RULES, CleaningPolicy()))
    assert [finding.rule for finding in verdict.failed("critical")] == ["enough_images"]


@pytest.mark.parametrize(
    ("switch", "rule", "before", "after"),
    [
        ("blank", "not_blank", "warning", "warning"),
        ("leaking_validation", "no_duplicates_across_splits", "warning", "warning"),
        ("undecodable", "decodable", "critical", "critical"),
        ("unknown_folder", "known_splits", "critical", "critical"),
        ("repeated_train", "one_label_per_image", "warning", "critical"),
    ],
)
def test_severities_follow_a_rule_that_is_switched_off(switch: str, rule: RuleName, before: str, after: str) -> None:
    policy = CleaningPolicy.model_validate({switch: False})
    assert published_rules(RULES, policy).severity_of(rule) == before
    assert cleaned_rules(RULES, policy).severity_of(rule) == after


def test_the_blank_threshold_is_the_policy_s() -> None:
    assert published_rules(RULES, CleaningPolicy(blank_standard_deviation=7)).blank_standard_deviation == 7


def test_an_expectation_that_raises_is_critical(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> pd.DataFrame:
        raise ValueError("no faults today")

    monkeypatch.setattr(expectations.custom_expectations, "find_faults", fail)
    tolerant = published_rules(RULES, CleaningPolicy())
    verdict = validate_manifest(build_manifest(write_image_tree(tmp_path)), tolerant)
    assert {finding.rule for finding in verdict.failed("critical")} == {
        "no_duplicates_across_splits", "one_label_per_image", "no_duplicates_within_train",
        "no_duplicates_within_held_out",
    }  # fmt: skip
    assert all("no faults today" in finding.message for finding in verdict.failed("critical"))
    assert not verdict.failed("warning")


def test_frames_that_are_no_manifest_are_refused() -> None:
    with pytest.raises(PipelineError, match="lacks the columns"):
        validate_manifest(pd.DataFrame({"path": ["a"]}), RULES)
    with pytest.raises(PipelineError, match="no row"):
        validate_manifest(make_manifest([("train", "happy", "a")]).head(0), RULES)


def test_importing_the_entry_points_does_not_import_great_expectations() -> None:
    program = "import sys, expectations.rules, expectations.run_suite; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=PROJECT_ROOT, check=False).returncode == 0


def test_every_unknown_class_is_named_with_its_images_and_the_nearest_known_one() -> None:
    rows = [
        *(("train", "angry", str(number)) for number in range(250)),
        ("test", "surpris", "x"),
        ("test", "fear", "y"),
    ]
    finding = broken(validate_manifest(make_manifest(rows), RULES))["known_labels"]
    assert finding.message.endswith("angry (250), fear (1), surpris (1, perhaps surprise)")
