"""The profile of a data set and what changed since the last one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.manifest.table import FEATURES
from data.quality.drift import (
    QUANTILES,
    ChangeLimits,
    DataProfile,
    ProfileChange,
    add_examples,
    compare_profiles,
    find_changed_images,
    make_profile,
    read_profile,
    soften,
    write_profile,
)
from data.records.dataset import Finding
from tests.support.image_tree import make_manifest
from tests.support.seed_format import CLASSES


def make_dataset(train: int = 250, validation: int = 60) -> pd.DataFrame:
    """Return a manifest with statistics that differ from image to image."""
    sizes = {"train": train, "validation": validation}
    manifest = make_manifest(
        (split, label, f"{split} {label} {n}")
        for split, size in sizes.items()
        for label in CLASSES
        for n in range(size)
    )
    random = np.random.default_rng(0)
    return manifest.assign(**{name: random.normal(100, 10, len(manifest)).round(3) for name in FEATURES})


def find(change: ProfileChange, rule: str) -> Finding:
    """Return the finding of a rule."""
    return next(finding for finding in change.findings if finding.rule == rule)


def test_a_profile_holds_counts_quantiles_and_every_picture(tmp_path: Path) -> None:
    manifest = make_dataset(20, 5)
    manifest.loc[0, ["decodable", "pixel_sha256", "sharpness"]] = [False, "", np.nan]
    profile = make_profile(manifest)
    assert profile.counts["train"] == dict.fromkeys(CLASSES, 20)
    assert profile.quantiles["validation"].keys() == set(FEATURES)
    train = manifest[(manifest["split"] == "train") & manifest["decodable"]]
    assert profile.quantiles["train"]["sharpness"][len(QUANTILES) // 2] == pytest.approx(train["sharpness"].median())
    assert len(profile.pixels["train"]["happy"]) == 12 * 19 and len(profile.pixels["train"]["sad"]) == 12 * 20
    write_profile(profile, tmp_path / "profile.json")
    assert read_profile(tmp_path / "profile.json") == profile


@pytest.mark.parametrize("content", [None, "{}", "no json"])
def test_what_is_no_profile_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "profile.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(PipelineError, match="is not a profile"):
        read_profile(path)


def test_the_same_images_under_other_names_are_no_change() -> None:
    manifest = make_dataset()
    renamed = manifest.assign(path="x/" + manifest["path"]).iloc[::-1]
    change = compare_profiles(make_profile(manifest), make_profile(renamed))
    assert (change.added, change.removed, change.relabelled, change.moved) == (0, 0, 0, 0)
    assert all(finding.success and finding.severity == "info" for finding in change.findings)
    assert len(change.findings) == 6


def test_added_removed_relabelled_moved_and_copied_images_are_told_apart() -> None:
    manifest = make_dataset(40, 40)
    other = manifest.iloc[5:].copy()
    other.loc[[10, 11, 12], "label"] = "surprise"
    other.loc[[20, 21], "split"] = "validation"
    other.loc[[25], ["split", "label"]] = ["validation", "sad"]
    new = make_manifest([("train", "sad", f"new {n}") for n in range(7)])
    other = pd.concat([other, new, other.loc[[30]]], ignore_index=True)
    old = make_profile(manifest)
    change = compare_profiles(old, make_profile(other))
    assert (change.rows_before, change.rows_after) == (320, 323)
    assert (change.added, change.removed, change.relabelled, change.moved) == (8, 5, 4, 2)
    listed = find_changed_images(old, other)
    assert listed["change"].value_counts().to_dict() == {"unchanged": 310, "added": 7, "relabelled": 4, "moved": 2}
    assert set(listed.loc[listed["change"] == "added", "path"]) == set(new["path"])


@pytest.mark.parametrize(
    ("rule", "few", "many"),
    [("few_images_removed", 30, 400), ("few_images_relabelled", 3, 200), ("few_images_moved", 3, 100)],
)
def test_changes_are_warnings_and_beyond_a_limit_critical(rule: str, few: int, many: int) -> None:
    manifest = make_dataset()
    old = make_profile(manifest)
    for images, severity in ((few, "warning"), (many, "critical")):
        drawn = manifest["split"].eq("train") & (np.arange(len(manifest)) % 1_000 < images)
        other = manifest.copy()
        if rule == "few_images_removed":
            other = other[~drawn]
        elif rule == "few_images_relabelled":
            other.loc[drawn, "label"] = other.loc[drawn, "label"].map(dict(zip(CLASSES, CLASSES[::-1], strict=True)))
        else:
            other.loc[drawn, "split"] = "validation"
        finding = find(compare_profiles(old, make_profile(other)), rule)
        assert (finding.severity, finding.success, finding.observed) == (severity, False, images)
        assert f"{images} " in finding.message


def test_many_new_images_are_reported() -> None:
    old, new = make_profile(make_dataset()), make_profile(make_dataset(train=300))
    finding = find(compare_profiles(old, new), "few_images_added")
    assert (finding.severity, finding.observed) == ("warning", 200)
    strict = ChangeLimits(critical_added=0.1)
    assert find(compare_profiles(old, new, strict), "few_images_added").severity == "critical"


@pytest.mark.parametrize(("kept", "severity"), [(245, "info"), (200, "warning"), (50, "critical")])
def test_another_mix_of_classes_is_named(kept: int, severity: str) -> None:
    manifest = make_dataset()
    number = manifest.groupby(["split", "label"]).cumcount()
    thinned = manifest[(manifest["split"] != "train") | (manifest["label"] != "sad") | (number < kept)]
    finding = find(compare_profiles(make_profile(manifest), make_profile(thinned)), "class_mix_unchanged")
    assert (finding.severity, finding.success) == (severity, severity == "info")
    assert "sad in train, from 25.0% to" in finding.message


@pytest.mark.parametrize(("shift", "severity"), [(0.5, "info"), (4, "warning"), (12, "critical")])
def test_a_shifted_statistic_is_named_with_its_medians(shift: float, severity: str) -> None:
    manifest = make_dataset()
    shifted = manifest.assign(noise=manifest["noise"] + shift * (manifest["split"] == "train"))
    finding = find(compare_profiles(make_profile(manifest), make_profile(shifted)), "statistics_unchanged")
    assert (finding.severity, finding.success) == (severity, severity == "info")
    assert "noise in train, its median from" in finding.message


def test_splits_of_few_images_have_no_statistics_to_compare() -> None:
    manifest = make_dataset(validation=20)
    shifted = manifest.assign(noise=manifest["noise"] + 50 * (manifest["split"] == "validation"))
    assert find(compare_profiles(make_profile(manifest), make_profile(shifted)), "statistics_unchanged").success


def test_published_counts_alone_are_a_profile() -> None:
    manifest = make_dataset()
    published = DataProfile(counts=make_profile(manifest).counts)
    change = compare_profiles(published, make_profile(manifest.iloc[40:]))
    assert (change.added, change.removed, change.relabelled, change.moved) == (0, 40, None, None)
    assert find(change, "few_images_removed").severity == "warning"
    assert {finding.rule for finding in change.findings} == {
        "few_images_added", "few_images_removed", "class_mix_unchanged",
    }  # fmt: skip


def test_limits_refuse_unknown_names_and_values_out_of_bounds() -> None:
    with pytest.raises(ValidationError):
        ChangeLimits.model_validate({"warning_lost": 0.1})
    with pytest.raises(ValidationError):
        ChangeLimits(critical_removed=1.5)


def profile_of(images: dict[tuple[str, str], range]) -> DataProfile:
    """Return the profile of images that are known by number, by split and label."""
    counts: dict[str, dict[str, int]] = {}
    pixels: dict[str, dict[str, str]] = {}
    for (split, label), numbers in images.items():
        counts.setdefault(split, {})[label] = len(numbers)
        pixels.setdefault(split, {})[label] = "".join(f"{number:012x}" for number in numbers)
    return DataProfile(counts=counts, pixels=pixels)


THOUSAND = {("train", "happy"): range(1_000)}

CHANGED: dict[str, Callable[[int], dict[tuple[str, str], range]]] = {
    "added": lambda n: {("train", "happy"): range(1_000 + n)},
    "removed": lambda n: {("train", "happy"): range(n, 1_000)},
    "relabelled": lambda n: {("train", "sad"): range(n), ("train", "happy"): range(n, 1_000)},
    "moved": lambda n: {("test", "happy"): range(n), ("train", "happy"): range(n, 1_000)},
}


@pytest.mark.parametrize(
    ("kind", "warning", "critical"),
    [("added", 50, 1_000), ("removed", 10, 200), ("relabelled", 1, 100), ("moved", 0, 20)],
)
def test_a_count_at_its_limit_passes_and_one_more_image_does_not(kind: str, warning: int, critical: int) -> None:
    expected = ((warning, "info"), (warning + 1, "warning"), (critical, "warning"), (critical + 1, "critical"))
    for images, severity in expected:
        change = compare_profiles(profile_of(THOUSAND), profile_of(CHANGED[kind](images)))
        finding = find(change, f"few_images_{kind}")
        assert (finding.observed, finding.severity, finding.success) == (images, severity, severity == "info")
        others = {"added", "removed", "relabelled", "moved"} - {kind}
        assert [getattr(change, other) for other in others] == [0, 0, 0]


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("added", "125 new images (12.5% of the former 1,000)", "at most 5.0% of"),
        ("removed", "125 former images that are gone (12.5% of the former 1,000)", "at most 1.0% of"),
        ("relabelled", "125 images under another class than before (12.5% of the former 1,000)", "at most 0.1% of"),
        ("moved", "125 images in another split than before (12.5% of the former 1,000)", "at most 0.0% of"),
    ],
)
def test_a_count_is_told_with_its_share_and_both_limits(kind: str, message: str, expected: str) -> None:
    finding = find(compare_profiles(profile_of(THOUSAND), profile_of(CHANGED[kind](125))), f"few_images_{kind}")
    assert finding.message == message
    assert finding.expected.startswith(expected + " the former 1,000 images, and in no case more than ")
    critical = {"added": "100.0%", "removed": "20.0%", "relabelled": "10.0%", "moved": "2.0%"}[kind]
    assert finding.expected.endswith(critical)


def test_images_after_none_are_all_new() -> None:
    change = compare_profiles(DataProfile(counts={}), profile_of({("train", "happy"): range(3)}))
    assert (change.rows_before, change.rows_after, change.added, change.removed) == (0, 3, 3, 0)
    finding = find(change, "few_images_added")
    assert finding.message == "3 new images (300.0% of the former 0)" and finding.severity == "critical"


def test_without_pixels_each_class_is_counted_by_itself() -> None:
    old = DataProfile(counts={"train": {"happy": 10, "sad": 10}, "test": {"sad": 4}})
    new = DataProfile(counts={"train": {"happy": 13, "sad": 5, "neutral": 1}})
    change = compare_profiles(old, new)
    assert (change.rows_before, change.rows_after) == (24, 19)
    assert (change.added, change.removed, change.relabelled, change.moved) == (4, 9, None, None)
    one_sided = compare_profiles(old, profile_of({("train", "happy"): range(10)}))
    assert (one_sided.relabelled, one_sided.moved) == (None, None)


@pytest.mark.parametrize(
    ("sad", "severity"), [(3, "info"), (5, "info"), (6, "warning"), (8, "warning"), (9, "critical"), (0, "warning")]
)
def test_a_class_s_share_at_a_limit_passes(sad: int, severity: str) -> None:
    limits = ChangeLimits(warning_class_share=1 / 16, critical_class_share=0.25)
    old = DataProfile(counts={"train": {"happy": 12, "sad": 4}, "test": {"sad": 1}})
    new = DataProfile(counts={"train": {"happy": 16 - sad, "sad": sad}, "validation": {"sad": 1}})
    finding = find(compare_profiles(old, new, limits), "class_mix_unchanged")
    assert (finding.severity, finding.success) == (severity, severity == "info")
    assert finding.observed == round(abs(sad - 4) / 16, 4)


def test_the_largest_change_of_a_share_is_told_and_a_new_class_has_had_none() -> None:
    old = DataProfile(counts={"train": {"happy": 50, "sad": 50}, "test": {"happy": 99, "sad": 1}})
    new = DataProfile(counts={"train": {"happy": 49, "sad": 48, "neutral": 3}, "test": {"happy": 99, "sad": 1}})
    finding = find(compare_profiles(old, new), "class_mix_unchanged")
    assert finding.message == "the largest change is that of neutral in train, from 0.0% to 3.0%"
    assert (finding.observed, finding.severity) == (0.03, "warning")
    assert finding.expected == "no class's share of a split changed by more than 2 points"
    gone = find(compare_profiles(new, old), "class_mix_unchanged")
    assert gone.message == "the largest change is that of neutral in train, from 3.0% to 0.0%"


@pytest.mark.parametrize(
    ("points", "severity"), [(1.9, "info"), (2.1, "warning"), (9.9, "warning"), (10.1, "critical")]
)
def test_without_a_choice_a_share_may_change_by_two_points_and_never_by_ten(points: float, severity: str) -> None:
    old = DataProfile(counts={"train": {"happy": 500, "sad": 500}})
    moved = int(points * 10)
    new = DataProfile(counts={"train": {"happy": 500 + moved, "sad": 500 - moved}})
    assert find(compare_profiles(old, new), "class_mix_unchanged").severity == severity


def test_the_share_of_a_single_image_is_all() -> None:
    old, new = (DataProfile(counts={"train": {label: 1}}) for label in ("happy", "sad"))
    finding = find(compare_profiles(old, new), "class_mix_unchanged")
    assert finding.message == "the largest change is that of sad in train, from 0.0% to 100.0%"
    assert (finding.observed, finding.severity) == (1, "critical")


def test_figures_of_a_finding_have_four_digits() -> None:
    third = DataProfile(counts={"train": {"happy": 2, "sad": 1}})
    mix = find(compare_profiles(DataProfile(counts={"train": {"happy": 3}}), third), "class_mix_unchanged")
    shift = compare_profiles(with_statistics(100), with_statistics(100, noise=(1 / 3, 4 / 3)))
    assert mix.observed == find(shift, "statistics_unchanged").observed == 0.3333


def test_a_split_on_one_side_alone_is_no_shift_of_statistics() -> None:
    old, new = with_statistics(100), with_statistics(100)
    more = {**new.quantiles, "test": new.quantiles["train"]}
    counts = {**new.counts, "test": {"happy": 100}}
    wider = new.model_copy(update={"quantiles": more, "counts": counts})
    for change in (compare_profiles(old, wider), compare_profiles(wider, old)):
        assert find(change, "statistics_unchanged").message == "no statistic changed"


def test_nothing_to_compare_is_no_change() -> None:
    old = DataProfile(counts={"train": {"happy": 5}, "validation": {}})
    empty = DataProfile(counts={"validation": {}})
    for new in (old, empty, DataProfile(counts={"test": {"happy": 5}}), DataProfile(counts={})):
        finding = find(compare_profiles(old, new), "class_mix_unchanged")
        assert (finding.message, finding.observed, finding.success) == ("no share changed", 0, True)


def uniform(low: float, high: float) -> tuple[float, ...]:
    """Return the quantiles of values spread evenly between two figures."""
    return tuple(np.linspace(low, high, 21).tolist())


def with_statistics(images: int, **ranges: tuple[float, float]) -> DataProfile:
    """Return a profile of one split whose statistics are spread evenly; the others do not change."""
    values = {name: uniform(*ranges.get(name, (0, 1))) for name in FEATURES}
    return DataProfile(counts={"train": {"happy": images}}, quantiles={"train": values})


@pytest.mark.parametrize(
    ("shift", "severity"),
    [(0.05, "info"), (0.0999, "info"), (0.1001, "warning"), (0.2499, "warning"), (0.2501, "critical")],
)
def test_without_a_choice_a_statistic_may_move_by_a_tenth_and_never_by_a_quarter(shift: float, severity: str) -> None:
    change = compare_profiles(with_statistics(100), with_statistics(100, noise=(shift, 1 + shift)))
    finding = find(change, "statistics_unchanged")
    assert (finding.severity, finding.success) == (severity, severity == "info")
    assert finding.observed == pytest.approx(shift, abs=0.00006)


def test_the_largest_shift_is_told_with_medians_and_distance() -> None:
    old = with_statistics(100, edge_brightness=(0, 40), noise=(0, 10))
    new = with_statistics(100, edge_brightness=(20, 60), noise=(1, 11))
    finding = find(compare_profiles(old, new), "statistics_unchanged")
    assert finding.message == (
        "the largest shift is that of edge brightness in train, its median from 20 to 40 (distance 0.50)"
    )
    assert finding.expected == "no statistic's distribution further than 0.1 from the former one"
    assert finding.observed == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("warning", "critical", "severity"),
    [(0.5, 0.5, "info"), (0.4999, 0.5, "warning"), (0.4, 0.4999, "critical")],
)
def test_a_distance_at_its_limit_passes(warning: float, critical: float, severity: str) -> None:
    limits = ChangeLimits(warning_distance=warning, critical_distance=critical)
    change = compare_profiles(with_statistics(100), with_statistics(100, noise=(0.5, 1.5)), limits)
    assert find(change, "statistics_unchanged").severity == severity


@pytest.mark.parametrize(("before", "after", "compared"), [(100, 100, True), (99, 100, False), (100, 99, False)])
def test_statistics_are_compared_from_a_hundred_images_on_both_sides(before: int, after: int, compared: bool) -> None:
    change = compare_profiles(with_statistics(before), with_statistics(after, noise=(5, 6)))
    finding = find(change, "statistics_unchanged")
    assert finding.success != compared
    assert finding.observed == (1 if compared else 0)
    assert (finding.message == "no statistic changed") != compared


def test_a_statistic_that_the_earlier_profile_lacks_is_not_compared() -> None:
    new = with_statistics(100, noise=(5, 6))
    old = with_statistics(100)
    fewer = {name: values for name, values in old.quantiles["train"].items() if name != "noise"}
    finding = find(
        compare_profiles(old.model_copy(update={"quantiles": {"train": fewer}}), new), "statistics_unchanged"
    )
    assert finding.message == "no statistic changed"
    without = compare_profiles(old.model_copy(update={"quantiles": {}}), new)
    assert "statistics_unchanged" not in {finding.rule for finding in without.findings}


def test_quantiles_are_every_twentieth_of_the_decodable_images() -> None:
    manifest = make_dataset(41, 21)
    manifest.loc[3, ["decodable", "noise"]] = [False, np.nan]
    profile = make_profile(manifest)
    values = manifest.loc[(manifest["split"] == "train") & manifest["decodable"], "noise"]
    assert profile.quantiles["train"]["noise"] == pytest.approx(np.percentile(values, range(0, 101, 5)))
    digests = manifest.loc[manifest["split"].eq("train") & manifest["label"].eq("sad"), "pixel_sha256"]
    assert profile.pixels["train"]["sad"] == "".join(sorted(digest[:12] for digest in digests))


@pytest.mark.parametrize(
    ("split", "label", "expected"),
    [
        ("train", "happy", "unchanged"),
        ("train", "sad", "relabelled"),
        ("test", "happy", "moved"),
        ("test", "sad", "relabelled"),
    ],
)
def test_an_image_is_moved_under_its_class_and_relabelled_under_another(split: str, label: str, expected: str) -> None:
    old = make_profile(make_manifest([("train", "happy", "a"), ("train", "sad", "b")]))
    manifest = make_manifest([(split, label, "a"), ("train", "sad", "new"), ("train", "sad", "b")])
    manifest.loc[2, "decodable"] = False
    listed = find_changed_images(old, manifest)
    assert listed.to_dict("list") == {
        "path": [f"{split}/{label}/0.jpg", "train/sad/1.jpg"],
        "split": [split, "train"],
        "label": [label, "sad"],
        "change": [expected, "added"],
    }


def test_ten_examples_are_named_for_each_count_and_none_for_the_rest() -> None:
    change = compare_profiles(profile_of(THOUSAND), profile_of(CHANGED["added"](125)))
    changed = pd.DataFrame({"path": [f"{n}.jpg" for n in range(13)], "change": ["added"] * 11 + ["moved"] * 2})
    examples = {finding.rule: finding.examples for finding in add_examples(change, changed).findings}
    assert examples == {
        "few_images_added": tuple(f"{n}.jpg" for n in range(10)),
        "few_images_removed": (),
        "few_images_relabelled": (),
        "few_images_moved": ("11.jpg", "12.jpg"),
        "class_mix_unchanged": (),
    }


def test_softened_findings_still_fail_as_warnings() -> None:
    change = compare_profiles(profile_of(THOUSAND), profile_of(CHANGED["moved"](125)))
    severities = [(finding.severity, finding.success) for finding in change.findings]
    assert severities == [("info", True)] * 3 + [("critical", False), ("info", True)]
    softened = soften(change)
    assert [(f.severity, f.success) for f in softened.findings] == [*severities[:3], ("warning", False), severities[4]]
    assert softened.moved == 125
    assert find(softened, "few_images_moved").message == find(change, "few_images_moved").message


@pytest.mark.parametrize("field", sorted(set(ChangeLimits.model_fields) - {"minimum_images"}))
def test_limits_are_shares_from_nothing_to_everything(field: str) -> None:
    for value in (0, 1):
        assert getattr(ChangeLimits.model_validate({field: value}), field) == value
    with pytest.raises(ValidationError):
        ChangeLimits.model_validate({field: -0.01})
    if field.endswith("_added"):
        assert getattr(ChangeLimits.model_validate({field: 5}), field) == 5, "a data set may grow to any size"
    else:
        with pytest.raises(ValidationError):
            ChangeLimits.model_validate({field: 1.01})


def test_at_least_one_image_is_needed_to_compare_statistics() -> None:
    assert ChangeLimits(minimum_images=1).minimum_images == 1
    with pytest.raises(ValidationError):
        ChangeLimits(minimum_images=0)


def test_a_damaged_profile_is_told_with_its_path_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PipelineError) as refusal:
        read_profile(tmp_path / "profile.json")
    assert str(refusal.value).startswith(f"{tmp_path / 'profile.json'} is not a profile of a data set: ")
    assert str(refusal.value).endswith("; remove it, so that it is built again")
