"""The partition into train, selection, validation and test."""

import pandas as pd
import pytest

from data.base.errors import PipelineError
from data.base.parts import PARTS
from data.quality.partition import carve_splits, partition_manifest
from tests.support.image_tree import make_manifest
from tests.support.seed_format import CLASSES


def make_splits(train_per_class: int = 200) -> pd.DataFrame:
    """Return a manifest whose every fourth train image is a copy of the one before it."""
    rows = [
        ("train", label, f"{label}{number - (number % 4 == 3)}")
        for label in CLASSES
        for number in range(train_per_class)
    ]
    rows += [
        (split, label, f"{split}{label}{n}") for split in ("validation", "test") for label in CLASSES for n in range(5)
    ]
    return make_manifest(rows)


def test_a_stratified_tenth_of_train_is_carved_out() -> None:
    manifest = make_splits()
    parts = partition_manifest(manifest, seed=42)
    pd.testing.assert_frame_equal(parts.drop(columns="part"), manifest)
    assert set(parts["part"]) == set(PARTS)
    assert ((parts["part"] == parts["split"]) | ((parts["part"] == "selection") & (parts["split"] == "train"))).all()
    counts = parts[parts["part"] == "selection"].value_counts("label")
    assert counts.index.sort_values().tolist() == list(CLASSES) and counts.between(16, 25).all()


def test_copies_are_never_parted() -> None:
    parts = partition_manifest(make_splits(), seed=1, selection_fraction=0.3)
    assert parts[parts["split"] == "train"].groupby("pixel_sha256")["part"].nunique().max() == 1


def test_copies_under_two_labels_are_not_parted_either() -> None:
    rows = [("train", label, str(number)) for number in range(30) for label in ("happy", "sad")]
    parts = partition_manifest(make_manifest(rows), seed=0, selection_fraction=0.5)
    assert parts.groupby("pixel_sha256")["part"].nunique().max() == 1
    assert set(parts["part"]) == {"train", "selection"}


def test_groups_are_never_parted() -> None:
    manifest = make_splits()
    numbers = manifest["path"].str.extract(r"/(\d+)\.jpg", expand=False).astype(int)
    grouped = manifest.assign(group="g" + (numbers // 10).astype("str"))
    parts = partition_manifest(grouped, seed=1, selection_fraction=0.3)
    train = parts[parts["split"] == "train"]
    assert train.groupby("group")["part"].nunique().max() == 1
    assert (train["part"] == "selection").mean() == pytest.approx(0.3, abs=0.05)
    assert partition_manifest(manifest, seed=1, selection_fraction=0.3)["part"].ne(parts["part"]).any()


def test_the_draw_depends_on_pixels_and_seed_alone() -> None:
    manifest = make_splits()
    first = partition_manifest(manifest, seed=7)["part"]
    renamed = manifest.assign(path="x/" + manifest["path"]).iloc[::-1]
    assert partition_manifest(manifest, seed=7)["part"].equals(first)
    assert partition_manifest(renamed, seed=7)["part"].sort_index().equals(first)
    assert not partition_manifest(manifest, seed=8)["part"].equals(first)


@pytest.mark.parametrize(("images", "selected"), [(1, 0), (2, 1), (3, 1), (11, 2)])
def test_tiny_classes_give_one_and_keep_one(images: int, selected: int) -> None:
    rows = [("train", "happy", str(number)) for number in range(images)]
    parts = partition_manifest(make_manifest(rows), seed=3)["part"]
    assert (parts == "selection").sum() == selected


def test_undecodable_images_are_drawn_one_by_one() -> None:
    manifest = make_manifest([("train", "happy", str(number)) for number in range(20)])
    parts = partition_manifest(manifest.assign(decodable=False, pixel_sha256=""), seed=3)["part"]
    assert (parts == "selection").sum() == 2


@pytest.mark.parametrize("fraction", [0, -0.1, 0.6])
def test_fractions_out_of_bounds_are_refused(fraction: float) -> None:
    with pytest.raises(PipelineError, match="selection_fraction"):
        partition_manifest(make_splits(4), seed=0, selection_fraction=fraction)


def test_unknown_splits_and_no_train_image_are_refused() -> None:
    with pytest.raises(PipelineError, match="holdout"):
        partition_manifest(make_manifest([("holdout", "happy", "a"), ("train", "happy", "b")]), seed=0)
    with pytest.raises(PipelineError, match="no train image"):
        partition_manifest(make_manifest([("test", "happy", "a")]), seed=0)


@pytest.mark.parametrize("fraction", [0.5, 0.001])
def test_fractions_at_the_bounds_are_taken(fraction: float) -> None:
    rows = [("train", "happy", str(number)) for number in range(20)]
    parts = partition_manifest(make_manifest(rows), seed=0, selection_fraction=fraction)["part"]
    assert (parts == "selection").sum() == (10 if fraction == 0.5 else 1)


@pytest.mark.parametrize("fraction", [0, 0.501])
def test_a_refused_fraction_is_told_with_its_bounds(fraction: float) -> None:
    with pytest.raises(PipelineError) as refusal:
        partition_manifest(make_splits(4), seed=0, selection_fraction=fraction)
    assert str(refusal.value) == f"selection_fraction is {fraction}; expected more than 0 and at most 0.5"


def test_without_a_choice_a_tenth_of_each_class_is_taken_exactly() -> None:
    rows = [("train", label, f"{label}{n}") for label, images in (("happy", 40), ("sad", 70)) for n in range(images)]
    parts = partition_manifest(make_manifest(rows), seed=5)
    assert parts[parts["part"] == "selection"].value_counts("label").to_dict() == {"happy": 4, "sad": 7}


def test_a_class_of_one_image_does_not_end_the_draw() -> None:
    rows = [("train", "happy", "only"), *(("train", "sad", str(number)) for number in range(20))]
    parts = partition_manifest(make_manifest(rows), seed=5)
    assert parts[parts["part"] == "selection"]["label"].tolist() == ["sad", "sad"]
    assert parts["part"][0] == "train"


def test_the_rows_keep_their_index_and_other_splits_their_part() -> None:
    manifest = make_splits(8).set_index(pd.Index(range(1_000, 1_000 + len(make_splits(8)))))
    parts = partition_manifest(manifest, seed=3)
    assert parts.index.equals(manifest.index)
    others = parts[parts["split"] != "train"]
    assert (others["part"] == others["split"]).all() and parts["part"].eq("selection").any()


def test_missing_splits_are_carved_from_train_with_whole_groups() -> None:
    published = make_splits()
    manifest = published[published["split"] == "train"].reset_index(drop=True)
    whole, carved = carve_splits(manifest, ("test", "validation"), seed=3)
    assert [(one.name, one.images) for one in carved] == [
        (name, int((whole["split"] == name).sum())) for name in ("test", "validation")
    ]
    assert whole.groupby("pixel_sha256")["split"].nunique().max() == 1
    counts = whole.value_counts(["split", "label"]).unstack()
    assert counts.loc["test"].between(25, 35).all() and counts.loc["validation"].between(20, 31).all()
    again, _ = carve_splits(manifest.sample(frac=1, random_state=1), ("test", "validation"), seed=3)
    pd.testing.assert_series_equal(again["split"].sort_index(), whole["split"])
    assert carve_splits(manifest, ("test", "validation"), seed=4)[0]["split"].ne(whole["split"]).any()


def test_published_splits_stay_as_they_are() -> None:
    published = make_splits()
    without = published[published["split"] != "validation"].reset_index(drop=True)
    whole, _ = carve_splits(without, ("validation",), seed=3)
    pd.testing.assert_frame_equal(whole[without["split"] == "test"], without[without["split"] == "test"])
    assert carve_splits(published, (), seed=3)[0] is published
