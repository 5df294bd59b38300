"""Folds are balanced, keep pictures together, and hold each train image out once."""

import pandas as pd
import pytest

from data.base.errors import PipelineError
from models.analysis.cross_fit import cross_fit_folds, hold_out
from tests.support.image_tree import make_manifest
from tests.support.seed_format import CLASSES


def grouped_manifest(groups_per_class=40, copies=3):
    rows = [
        ("train", label, f"{label} {group} {copy}")
        for label in CLASSES
        for group in range(groups_per_class)
        for copy in range(copies if group % 4 == 0 else 1)
    ]
    manifest = make_manifest([*rows, ("validation", "sad", "not trained on")])
    group = [" ".join(content.split()[:2]) for _, _, content in rows]
    part = ["train"] * len(rows) + ["validation"]
    return manifest.assign(group=[*group, "alone"], part=part)


def test_folds_keep_groups_together_and_classes_balanced():
    manifest = grouped_manifest()
    folds = cross_fit_folds(manifest, folds=4, seed=3)
    train = manifest[manifest["part"] == "train"]
    assert folds.index.equals(train.index)
    assert (folds.groupby(train["group"]).nunique() == 1).all()
    pictures = ~train["group"].duplicated()
    counts = pd.crosstab(train["label"][pictures], folds[pictures])
    assert counts.to_numpy().tolist() == [[10] * 4] * 4


def test_folds_depend_on_the_seed_and_the_pixels_not_on_the_order():
    manifest = grouped_manifest()
    folds = cross_fit_folds(manifest, folds=3, seed=3)
    shuffled = cross_fit_folds(manifest.sample(frac=1, random_state=1), folds=3, seed=3)
    pd.testing.assert_series_equal(shuffled.sort_index(), folds)
    assert not cross_fit_folds(manifest, folds=3, seed=4).equals(folds)


def test_equal_pixels_share_a_fold_where_there_are_no_groups():
    rows = [("train", label, f"{label} {number // 2}") for label in CLASSES for number in range(20)]
    manifest = make_manifest(rows).assign(part="train")
    folds = cross_fit_folds(manifest, folds=5, seed=0)
    assert (folds.groupby(manifest["pixel_sha256"]).nunique() == 1).all()


@pytest.mark.parametrize(("folds", "message"), [(1, "2 to 20"), (21, "2 to 20"), (15, "fewer folds")])
def test_folds_that_cannot_be_drawn_are_refused(folds, message):
    with pytest.raises(PipelineError, match=message):
        cross_fit_folds(grouped_manifest(groups_per_class=10), folds, seed=0)


def test_a_fold_is_held_out_beside_what_is_never_trained_on():
    manifest = grouped_manifest()
    folds = cross_fit_folds(manifest, folds=4, seed=3)
    parts = [hold_out(manifest, folds == fold)["part"] for fold in range(4)]
    tested = [set(part.index[part == "test"]) for part in parts]
    assert sorted(index for fold in tested for index in fold) == list(folds.index), "each train image in one fold"
    assert all((part[manifest["part"] == "validation"] == "validation").all() for part in parts)
    assert all(
        set(part.index[part == "train"]) == set(folds.index) - fold for part, fold in zip(parts, tested, strict=True)
    )
