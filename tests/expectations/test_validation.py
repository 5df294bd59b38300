"""Every rule passes good data and fails one targeted corruption; the verdict is by severity."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

import expectations.custom
from data.classes import CLASSES, SPLITS
from data.clean import CleaningPolicy, clean_manifest
from data.errors import PipelineError
from data.manifest import build_manifest
from data.records import Finding, Verdict
from data.workspace import PROJECT_ROOT
from expectations.rules import DataRules, MendableRule, RuleName, cleaned_rules, published_rules
from expectations.validation import validate_manifest
from tests.image_tree import PLANTERS, make_manifest, write_image_tree

RULES = DataRules(minimum_train_images=2, minimum_validation_images=2, minimum_test_images=2, maximum_class_ratio=2.5)
ALL_RULES = {*get_args(MendableRule), "each_class_in_each_split", "enough_images", "class_balance"}


def broken(verdict: Verdict) -> dict[str, Finding]:
    """Return the findings that did not pass, by rule."""
    return {finding.rule: finding for finding in verdict.findings if not finding.success}


def remove_class(root: Path) -> None:
    shutil.rmtree(root / "test/sad")


def remove_split(root: Path) -> None:
    shutil.rmtree(root / "test")


def thin_test(root: Path) -> None:
    for number in (0, 1):
        (root / f"test/sad/{number}.jpg").unlink()
    for label in ("happy", "neutral", "surprise"):
        (root / f"test/{label}/0.jpg").unlink()


def thin_train(root: Path) -> None:
    for number in range(4):
        (root / f"train/sad/{number}.jpg").unlink()


def plant(fault: str) -> Callable[[Path], None]:
    """Return a corruption that plants one fault of the image tree."""

    def corrupt(root: Path) -> None:
        write_image_tree(root, faults=[fault])

    return corrupt


CORRUPTIONS = [
    ("known_splits", plant("unknown_split"), 1, "1 image found outside the splits", ["holdout/happy/0.jpg"]),
    ("known_labels", plant("unknown_class"), 1, "1 image found outside the classes", ["train/disgust/0.jpg"]),
    ("decodable", plant("truncated"), 1, "1 image found that cannot be decoded", ["train/happy/truncated.jpg"]),
    ("image_size", plant("wrong_size"), 1, "another size than 48x48", ["validation/happy/large.jpg"]),
    ("really_gray", plant("colour"), 1, "with colour", ["train/happy/colour.png"]),
    ("not_blank", plant("blank"), 1, "1 image found to be blank", ["train/sad/blank.jpg"]),
    ("no_duplicates_across_splits", plant("leaking_train"), 1, "1 train image found again", ["train/happy/leak.jpg"]),
    (
        "no_duplicates_across_splits",
        plant("leaking_validation"),
        1,
        "1 validation image found again in test",
        ["validation/sad/leak.jpg"],
    ),
    (
        "one_label_per_image",
        plant("label_conflict"),
        2,
        "2 images found under two or more classes",
        ["validation/neutral/0.jpg", "validation/surprise/conflict.jpg"],
    ),
    ("each_class_in_each_split", remove_class, 1, "no image of test/sad", []),
    ("each_class_in_each_split", remove_split, 4, "test/happy, test/neutral, test/sad, test/surprise", []),
    ("enough_images", thin_test, 1, "test/sad has 1 instead of 2", []),
    ("class_balance", thin_train, 3.0, r"train 3.00 \(happy 6, sad 2\)", []),
]


@pytest.mark.parametrize(("rule", "corrupt", "observed", "message", "examples"), CORRUPTIONS)
def test_one_corruption_breaks_one_rule(
    tmp_path: Path, rule: str, corrupt: Callable[[Path], None], observed: float, message: str, examples: list[str]
) -> None:
    root = write_image_tree(tmp_path)
    assert not broken(validate_manifest(build_manifest(root), RULES))
    corrupt(root)
    findings = broken(validate_manifest(build_manifest(root), RULES))
    assert set(findings) == {rule}
    assert findings[rule].observed == observed
    assert pd.Series([findings[rule].message]).str.contains(message).all(), findings[rule].message
    assert list(findings[rule].examples) == examples


def test_good_data_has_a_passing_finding_for_every_rule(tmp_path: Path) -> None:
    findings = validate_manifest(build_manifest(write_image_tree(tmp_path)), RULES).findings
    assert {finding.rule for finding in findings} == ALL_RULES and len(findings) == len(ALL_RULES)
    assert all(finding.success and not finding.examples and finding.expected for finding in findings)


def test_every_rule_has_a_corruption() -> None:
    assert {rule for rule, *_ in CORRUPTIONS} == ALL_RULES


def test_at_most_ten_examples_and_the_full_count() -> None:
    counts = {"train": 12, "validation": 2, "test": 2}
    rows = [(s, label, f"{s}{label}{n}") for s, images in counts.items() for label in CLASSES for n in range(images)]
    manifest = make_manifest(rows)
    manifest.loc[manifest["split"] == "train", "width"] = 64
    finding = broken(validate_manifest(manifest, RULES))["image_size"]
    assert (finding.observed, len(finding.examples)) == (48, 10)


def test_what_cleaning_mends_warns_before_and_holds_after(tmp_path: Path) -> None:
    manifest = build_manifest(write_image_tree(tmp_path, faults=PLANTERS))
    policy = CleaningPolicy()
    before = validate_manifest(manifest, published_rules(RULES, policy))
    assert {finding.rule for finding in before.failed("warning")} == set(get_args(MendableRule))
    assert not before.failed("critical")
    uncleaned = validate_manifest(manifest, cleaned_rules(RULES, policy))
    assert {finding.rule for finding in uncleaned.failed("critical")} == set(get_args(MendableRule))
    kept, _ = clean_manifest(manifest, policy)
    assert not broken(validate_manifest(kept, cleaned_rules(RULES, policy)))


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
    def fail(manifest: pd.DataFrame) -> pd.DataFrame:
        raise ValueError("no faults today")

    monkeypatch.setattr(expectations.custom, "find_faults", fail)
    tolerant = published_rules(RULES, CleaningPolicy())
    verdict = validate_manifest(build_manifest(write_image_tree(tmp_path)), tolerant)
    assert {finding.rule for finding in verdict.failed("critical")} == {
        "no_duplicates_across_splits", "one_label_per_image",
    }  # fmt: skip
    assert all("no faults today" in finding.message for finding in verdict.failed("critical"))
    assert not verdict.failed("warning")


def test_frames_that_are_no_manifest_are_refused() -> None:
    with pytest.raises(PipelineError, match="lacks the columns"):
        validate_manifest(pd.DataFrame({"path": ["a"]}), RULES)
    with pytest.raises(PipelineError, match="no row"):
        validate_manifest(make_manifest([("train", "happy", "a")]).head(0), RULES)


def test_importing_the_entry_points_does_not_import_great_expectations() -> None:
    program = "import sys, expectations.rules, expectations.validation; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=PROJECT_ROOT, check=False).returncode == 0
