"""The profile of a data set and what changed since the last one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.base.labels import CLASSES
from data.manifest.table import FEATURES
from data.quality.drift import (
    QUANTILES,
    ChangeLimits,
    DataProfile,
    ProfileChange,
    compare_profiles,
    find_changed_images,
    make_profile,
    read_profile,
    write_profile,
)
from data.records.dataset import Finding
from tests.support.image_tree import make_manifest


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
