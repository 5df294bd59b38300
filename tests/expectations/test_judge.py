"""Each kind of corruption, on a copy of a generated data set, gives its one finding and what the policy makes of it."""

import shutil
from pathlib import Path
from typing import NamedTuple, get_args

import pandas as pd
import pytest
from PIL import Image

import expectations.judge
from data.manifest.near_duplicates import find_near_duplicates
from data.manifest.table import build_manifest
from data.quality.cleaning import CleaningPolicy
from data.quality.faults import FAULTS
from data.records.dataset import Finding
from data.sample.generate import SampleConfig, generate_sample
from data.sources.source import DatasetSource
from expectations.counts import PROFILES, ExpectedCounts
from expectations.judge import Judgement, judge_data_set
from expectations.policies import RulePolicies, policies_to_rules
from expectations.rules import DataRules, RuleName
from tests.support.corrupter import CORRUPTIONS, corrupt
from tests.support.seed_format import CLASSES

SIZES = {"train": 6, "validation": 4, "test": 3}
RULES = DataRules(minimum_train_images=2, minimum_validation_images=2, minimum_test_images=2, profile="none")
ALL_RULES: set[RuleName] = {
    "known_splits",
    "known_labels",
    "nested_folder",
    "not_an_image",
    "decodable",
    "image_size",
    "really_gray",
    "not_blank",
    "no_duplicates_across_splits",
    "one_label_per_image",
    "no_duplicates_within_train",
    "no_duplicates_within_held_out",
    "no_near_duplicates_across_splits",
    "one_label_per_picture",
    "each_class_in_each_split",
    "enough_images",
    "class_balance",
    "expected_counts",
}
SOURCE = DatasetSource(kind="sample")


class Outcome(NamedTuple):
    """What a corruption leads to with the default policies; no reason means that nothing is set aside."""

    rule: str
    severity: str
    reason: str
    message: str


OUTCOMES = {
    "train_copy_of_validation": Outcome(
        "no_duplicates_across_splits", "warning", "leaking_train", "1 train image found again in validation or test"
    ),
    "train_copy_of_test_as_png": Outcome(
        "no_duplicates_across_splits", "warning", "leaking_train", "1 train image found again in validation or test"
    ),
    "validation_image_in_test": Outcome(
        "no_duplicates_across_splits", "warning", "leaking_validation", "1 validation image found again in test"
    ),
    "copy_within_train": Outcome(
        "no_duplicates_within_train", "warning", "", "1 train image found equal to an earlier train image"
    ),
    "copy_within_test": Outcome(
        "no_duplicates_within_held_out",
        "warning",
        "",
        "1 validation or test image found equal to an earlier one of the same split",
    ),
    "mirrored_train_copy_of_test": Outcome(
        "no_near_duplicates_across_splits",
        "warning",
        "near_leaking_train",
        "1 train image found whose picture stands with other pixels in validation or test",
    ),
    "dimmed_test_image_in_validation": Outcome(
        "no_near_duplicates_across_splits",
        "warning",
        "near_leaking_validation",
        "1 validation image found whose picture stands with other pixels in test",
    ),
    "dimmed_face_two_labels": Outcome(
        "one_label_per_picture", "warning", "", "2 images found whose picture stands with other pixels under another"
    ),
    "one_face_two_labels": Outcome(
        "one_label_per_image", "warning", "label_conflict", "2 images found under two or more classes"
    ),
    "blank_image": Outcome("not_blank", "warning", "blank", "1 image found to be blank"),
    "truncated_file": Outcome("decodable", "warning", "undecodable", "cannot be decoded: damaged or cut short"),
    "oversized_image": Outcome("decodable", "warning", "undecodable", "cannot be decoded: too large"),
    "decompression_bomb": Outcome("decodable", "warning", "undecodable", "cannot be decoded: too large"),
    "text_named_jpg": Outcome(
        "not_an_image", "warning", "undecodable", "1 file found without a readable header of a JPEG or PNG"
    ),
    "empty_file": Outcome(
        "not_an_image", "warning", "undecodable", "1 file found without a readable header of a JPEG or PNG"
    ),
    "gif_named_jpg": Outcome(
        "not_an_image", "warning", "undecodable", "1 file found without a readable header of a JPEG or PNG"
    ),
    "colour_image": Outcome("really_gray", "warning", "not_gray", "not to be gray: colour"),
    "wrong_size": Outcome("image_size", "warning", "wrong_size", r"another size than 48x48 pixels: \d\dx48"),
    "unknown_split": Outcome("known_splits", "warning", "unknown_folder", "validation, test: holdout"),
    "unknown_class": Outcome("known_labels", "warning", "unknown_folder", "sad, surprise: disgust"),
    "file_beside_classes": Outcome("known_labels", "warning", "unknown_folder", r"sad, surprise: \(none\)"),
    "file_beside_splits": Outcome("known_splits", "warning", "unknown_folder", r"validation, test: \(none\)"),
    "nested_folder": Outcome("nested_folder", "warning", "", "1 image found in folders below that of their class"),
    "missing_class": Outcome("each_class_in_each_split", "critical", "", r"no readable image of \w+/\w+$"),
    "missing_split": Outcome("each_class_in_each_split", "critical", "", r"the split \w+ is missing$"),
    "too_few_images": Outcome("enough_images", "critical", "", r"test/\w+ has 1 instead of 2$"),
    "unbalanced_classes": Outcome("class_balance", "warning", "", r"train 3\.00 \(\w+ 6, \w+ 2\)"),
    "image_short_of_published": Outcome("expected_counts", "warning", "", r"a small set states: train/\w+ has 5 of 6$"),
}


@pytest.fixture(scope="module")
def faultless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small generated data set, to be copied before it is changed."""
    root = tmp_path_factory.mktemp("faultless")
    sizes = {f"{split}_per_class": images for split, images in SIZES.items()}
    generate_sample(root, SampleConfig.model_validate({**sizes, "faults": False}))
    return root


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> DataRules:
    """Return rules that compare a data set with the counts of the faultless one."""
    images: dict[str, dict[str, int]] = {split: dict.fromkeys(CLASSES, count) for split, count in SIZES.items()}
    monkeypatch.setitem(PROFILES, "notebook", ExpectedCounts(name="a small set", images=images))
    return RULES.model_copy(update={"profile": "notebook"})


def rules_for(kind: str, published: DataRules) -> DataRules:
    """Return the rules for one kind: published counts are compared with only where they are what is harmed."""
    return published if kind == "image_short_of_published" else RULES


def judge_corrupted(faultless: Path, out: Path, kind: str, seed: int) -> tuple[pd.DataFrame, list[str]]:
    """Return the manifest of a corrupted copy, and the files at fault."""
    root = out / kind
    shutil.copytree(faultless, root)
    harmed = corrupt(root, kind, seed)
    return take_inventory(root), harmed


def take_inventory(root: Path) -> pd.DataFrame:
    """Return the manifest of a data set, with groups of near-duplicates."""
    manifest = build_manifest(root)
    return manifest.assign(group=find_near_duplicates(manifest, root))


def judge(manifest: pd.DataFrame, rules: DataRules, **choices: str) -> Judgement:
    """Judge with the default policies, save these."""
    data_rules, cleaning = policies_to_rules(RulePolicies.model_validate(choices), rules)
    return judge_data_set(manifest, SOURCE, cleaning, seed=1, rules=data_rules)


def broken(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.severity) for finding in findings if not finding.success]


def test_every_kind_has_an_outcome_and_every_rule_a_kind() -> None:
    assert set(OUTCOMES) == set(CORRUPTIONS)
    assert {outcome.rule for outcome in OUTCOMES.values()} == ALL_RULES
    of_their_own = {"splits_alike", "similar_to_last"}  # tested below, and in tests/tasks/dataset/test_drift.py
    of_their_own |= {"one_face", "face_large_enough"}  # of photos, tested in tests/data/quality/test_face_faults.py
    of_their_own |= {"no_face_by_votes"}  # of votes, tested in tests/data/quality/test_votes_faults.py
    assert set(RulePolicies.model_fields) == ALL_RULES | of_their_own


def test_an_untouched_set_passes_whole(faultless: Path, published: DataRules) -> None:
    manifest = take_inventory(faultless)
    judgement = judge(manifest, published)
    assert not broken(judgement.summary.before.findings) and not broken(judgement.summary.after.findings)
    assert {finding.rule for finding in judgement.summary.before.findings} == ALL_RULES | {"splits_alike", "odd_images"}
    assert judgement.clean["path"].tolist() == manifest["path"].tolist() and judgement.quarantine.empty


@pytest.mark.parametrize("kind", OUTCOMES)
def test_a_corruption_gives_one_finding_and_is_cleaned_or_stops(
    faultless: Path, published: DataRules, tmp_path: Path, kind: str
) -> None:
    outcome = OUTCOMES[kind]
    manifest, harmed = judge_corrupted(faultless, tmp_path, kind, seed=3)
    judgement = judge(manifest, rules_for(kind, published))
    summary = judgement.summary
    assert broken(summary.before.findings) == [(outcome.rule, outcome.severity)]
    [finding] = [finding for finding in summary.before.findings if not finding.success]
    assert pd.Series([finding.message]).str.contains(outcome.message).all(), finding.message
    assert list(finding.examples) == harmed
    if outcome.severity == "critical":
        assert judgement.clean.empty
        return
    assert set(judgement.clean["path"]) == set(manifest["path"]) - set(harmed if outcome.reason else [])
    assert [(count.reason, count.images) for count in summary.quarantine] == (
        [(outcome.reason, len(harmed))] if outcome.reason else []
    )
    if outcome.reason:
        assert not broken(summary.after.findings)


@pytest.mark.parametrize("kind", {outcome.rule: kind for kind, outcome in OUTCOMES.items()}.values())
def test_every_choice_for_a_rule_is_carried_out(
    faultless: Path, published: DataRules, tmp_path: Path, kind: str
) -> None:
    rule = OUTCOMES[kind].rule
    manifest, harmed = judge_corrupted(faultless, tmp_path, kind, seed=8)
    field = RulePolicies.model_fields[rule]
    for choice in set(get_args(field.annotation)) - {field.default}:
        judgement = judge(manifest, rules_for(kind, published), **{rule: choice})
        severity = {"fail": "critical", "quarantine": "warning", "warn": "warning"}.get(choice)
        assert broken(judgement.summary.before.findings) == ([(rule, severity)] if severity else []), choice
        left = set() if choice == "fail" else set(manifest["path"]) - set(harmed if choice == "quarantine" else [])
        assert set(judgement.clean["path"]) == left, choice
        assert not judgement.summary.after.failed("critical") or choice == "fail"


@pytest.mark.parametrize(
    ("kind", "messages"),
    {
        "validation_and_test_of_pointers": [
            "critical: the split validation holds no readable image; the split test holds no readable image",
            "warning: 28 files found without a readable header of a JPEG or PNG",
        ],
        "train_of_pointers": [
            "critical: the split train holds no readable image",
            "warning: 24 files found without a readable header of a JPEG or PNG",
        ],
        "no_train": ["critical: the split train is missing"],
    }.items(),
)
def test_what_leaves_nothing_to_work_with_is_refused_and_not_stumbled_over(
    faultless: Path, tmp_path: Path, kind: str, messages: list[str]
) -> None:
    manifest, _ = judge_corrupted(faultless, tmp_path, kind, seed=1)
    judgement = judge(manifest, RULES)
    findings = judgement.summary.before.findings
    assert judgement.clean.empty
    assert [f"{finding.severity}: {finding.message}" for finding in findings if not finding.success] == messages
    assert [f.rule for f in judgement.summary.after.failed("critical")] == ["each_class_in_each_split"]
    tolerant = judge(manifest, RULES, each_class_in_each_split="warn")
    assert tolerant.clean.empty == ("train" in kind)


def test_a_set_without_any_image_is_refused(faultless: Path, tmp_path: Path) -> None:
    manifest, _ = judge_corrupted(faultless, tmp_path, "all_of_pointers", seed=1)
    judgement = judge(manifest, RULES)
    assert judgement.clean.empty and judgement.summary.before.failed("critical")


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a generated data set that is large enough for its splits to be told apart."""
    root = tmp_path_factory.mktemp("larger")
    sizes = dict.fromkeys(("train_per_class", "validation_per_class", "test_per_class"), 30)
    generate_sample(root, SampleConfig.model_validate({**sizes, "faults": False}))
    return root


def treat(larger: Path, out: Path, kind: str) -> pd.DataFrame:
    """Return the manifest of a treated copy; near-duplicates are no matter here."""
    shutil.copytree(larger, out / kind)
    corrupt(out / kind, kind)
    return build_manifest(out / kind)


@pytest.fixture(scope="module")
def blurred(larger: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return treat(larger, tmp_path_factory.mktemp("treated"), "blurred_train")


def alike(judgement: Judgement) -> list[Finding]:
    return [finding for finding in judgement.summary.before.findings if finding.rule == "splits_alike"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    {
        "equalised_train": "in contrast",
        "rescaled_train": "blurrier",
        "cropped_train": "smoother",
        "inverted_train": "light and dark areas are swapped",
    }.items(),
)
def test_a_treated_train_part_stops_the_run(larger: Path, tmp_path: Path, kind: str, reason: str) -> None:
    judgement = judge(treat(larger, tmp_path, kind), RULES)
    critical = judgement.summary.before.failed("critical")
    assert [finding.rule for finding in critical] == ["splits_alike"] * 2, "train against validation, and against test"
    assert all(reason in finding.message for finding in critical)
    assert judgement.clean.empty


@pytest.mark.parametrize(("choice", "severity"), [("fail", "critical"), ("warn", "warning"), ("off", None)])
def test_a_treated_split_stops_is_said_or_is_let_be(blurred: pd.DataFrame, choice: str, severity: str | None) -> None:
    judgement = judge(blurred, RULES, splits_alike=choice)
    failed = [finding for finding in alike(judgement) if not finding.success]
    assert {finding.severity for finding in failed} == ({severity} if severity else set())
    assert all("blurrier" in finding.message.split(" than ")[0] for finding in failed)
    assert len(failed) == (2 if severity else 0), "train against validation, and against test"
    assert judgement.clean.empty == (choice == "fail")


def test_a_treated_split_is_named_beside_what_else_stops_the_run(blurred: pd.DataFrame) -> None:
    blank = blurred["standard_deviation"].mask(blurred.index < 3, 0.0)
    judgement = judge(blurred.assign(standard_deviation=blank), RULES, not_blank="fail")
    assert {f.rule for f in judgement.summary.before.failed("critical")} == {"not_blank", "splits_alike"}


def test_what_cleaning_sets_aside_does_not_make_splits_unlike(larger: Path, tmp_path: Path) -> None:
    root = tmp_path / "mixed"
    shutil.copytree(larger, root)
    for path in sorted((root / "train").rglob("*.jpg"))[::2]:
        with Image.open(path) as image:
            image.resize((96, 96)).save(path, quality=95)
    judgement = judge(build_manifest(root), RULES)
    assert [count.reason for count in judgement.summary.quarantine] == ["wrong_size"]
    assert all(finding.success for finding in alike(judgement)) and len(alike(judgement)) == 3
    assert not judgement.clean.empty


@pytest.mark.parametrize(("check", "rule"), [("compare_splits", "splits_alike"), ("find_odd_images", "odd_images")])
def test_a_check_that_raises_is_critical(
    faultless: Path, monkeypatch: pytest.MonkeyPatch, check: str, rule: str
) -> None:
    def fail(manifest: pd.DataFrame) -> None:
        raise ValueError("no figures today")

    monkeypatch.setattr(expectations.judge, check, fail)
    judgement = judge(build_manifest(faultless), RULES, splits_alike="warn")
    [finding] = judgement.summary.before.failed("critical")
    assert (finding.rule, finding.observed) == (rule, "not checked")
    assert finding.message == "could not be checked: no figures today"
    assert judgement.clean.empty


def test_the_corrupter_is_seeded(faultless: Path, tmp_path: Path) -> None:
    first, again = (judge_corrupted(faultless, tmp_path / name, "blank_image", seed=5) for name in "ab")
    assert first[1] == again[1]
    pd.testing.assert_frame_equal(first[0], again[0])
    places = {judge_corrupted(faultless, tmp_path / str(seed), "blank_image", seed)[1][0] for seed in range(5)}
    assert len(places) > 1


def test_default_policies_are_what_rules_and_cleaning_do_without_them() -> None:
    rules, cleaning = policies_to_rules(RulePolicies())
    assert cleaning == CleaningPolicy()
    for rule in ALL_RULES:
        assert rules.severity_of(rule) == DataRules().severity_of(rule), rule
    assert rules.unchecked == ()


def test_policies_leave_thresholds_and_other_switches_alone() -> None:
    choices = RulePolicies(not_blank="off", no_duplicates_within_train="quarantine")
    rules, cleaning = policies_to_rules(
        choices, DataRules(minimum_test_images=7), CleaningPolicy(blank_standard_deviation=3)
    )
    assert (rules.minimum_test_images, cleaning.blank_standard_deviation) == (7, 3)
    changed = {fault for fault in FAULTS if getattr(cleaning, fault) != getattr(CleaningPolicy(), fault)}
    assert changed == {"blank", "repeated_train"}


@pytest.mark.parametrize(("rule", "choice"), [("decodable", "warn"), ("image_size", "off"), ("known_labels", "warn")])
def test_what_training_cannot_work_with_cannot_be_let_in(rule: str, choice: str) -> None:
    with pytest.raises(ValueError, match=rule):
        RulePolicies.model_validate({rule: choice})
