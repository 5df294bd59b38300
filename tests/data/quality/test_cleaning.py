"""Which images cleaning sets aside, and the counts of duplicates."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.manifest.table import build_manifest
from data.quality.cleaning import (
    CleaningPolicy,
    clean_manifest,
    count_quarantine,
    find_faults,
    summarize_duplicates,
    summarize_near_duplicates,
)
from data.quality.faults import FAULTS
from tests.support.image_tree import IMAGES_PER_CLASS, make_manifest, write_image, write_image_tree

OFF = CleaningPolicy.model_validate(dict.fromkeys(FAULTS, False))

PLANTED = [
    ("truncated", "undecodable", ["train/happy/truncated.jpg"]),
    ("unknown_split", "unknown_folder", ["holdout/happy/0.jpg"]),
    ("unknown_class", "unknown_folder", ["train/disgust/0.jpg"]),
    ("wrong_size", "wrong_size", ["validation/happy/large.jpg"]),
    ("colour", "not_gray", ["train/happy/colour.png"]),
    ("blank", "blank", ["train/sad/blank.jpg"]),
    ("label_conflict", "label_conflict", ["validation/neutral/0.jpg", "validation/surprise/conflict.jpg"]),
    ("leaking_train", "leaking_train", ["train/happy/leak.jpg"]),
    ("leaking_validation", "leaking_validation", ["validation/sad/leak.jpg"]),
    ("repeated_train", "repeated_train", ["train/neutral/repeat.jpg"]),
    ("repeated_test", "repeated_held_out", ["test/neutral/repeat.jpg"]),
]


@pytest.mark.parametrize(("fault", "reason", "paths"), PLANTED)
def test_each_fault_is_set_aside_where_its_rule_is_on(
    tmp_path: Path, fault: str, reason: str, paths: list[str]
) -> None:
    manifest = build_manifest(write_image_tree(tmp_path, faults=[fault]))
    kept, quarantine = clean_manifest(manifest, OFF.model_copy(update={reason: True}))
    assert quarantine["path"].tolist() == paths
    assert set(quarantine["reason"]) == {reason}
    assert kept["path"].tolist() == [path for path in manifest["path"] if path not in paths]
    kept, quarantine = clean_manifest(manifest, OFF)
    assert quarantine.empty
    pd.testing.assert_frame_equal(kept, manifest)


def test_each_fault_is_found_alone(tmp_path: Path) -> None:
    for fault, reason, paths in PLANTED:
        faults = find_faults(build_manifest(write_image_tree(tmp_path / fault, faults=[fault])))
        counts = faults.sum()
        assert counts[counts > 0].to_dict() == {reason: len(paths)}, fault


def test_a_faultless_tree_stays_whole(tmp_path: Path) -> None:
    manifest = build_manifest(write_image_tree(tmp_path))
    kept, quarantine = clean_manifest(manifest, CleaningPolicy(repeated_train=True))
    pd.testing.assert_frame_equal(kept, manifest)
    assert list(quarantine.columns) == ["path", "split", "label", "reason"] and quarantine.empty
    assert count_quarantine(quarantine) == ()


def test_an_image_with_two_faults_has_two_rows_blank_first(tmp_path: Path) -> None:
    root = write_image_tree(tmp_path, faults=["leaking_train"])
    for path in ("train/sad/flat.png", "train/happy/flat.png"):
        write_image(root / path, np.full((48, 48), 9, dtype=np.uint8))
    _, quarantine = clean_manifest(build_manifest(root), CleaningPolicy())
    assert list(quarantine[["path", "label", "reason"]].itertuples(index=False, name=None)) == [
        ("train/happy/flat.png", "happy", "blank"),
        ("train/happy/flat.png", "happy", "label_conflict"),
        ("train/happy/leak.jpg", "happy", "leaking_train"),
        ("train/sad/flat.png", "sad", "blank"),
        ("train/sad/flat.png", "sad", "label_conflict"),
    ]
    assert [(count.reason, count.images) for count in count_quarantine(quarantine)] == [
        ("blank", 2), ("label_conflict", 2), ("leaking_train", 1),
    ]  # fmt: skip


def test_cleaning_leaves_nothing_that_it_looks_for(tmp_path: Path) -> None:
    manifest = build_manifest(write_image_tree(tmp_path, faults=[fault for fault, _, _ in PLANTED]))
    kept, _ = clean_manifest(manifest, CleaningPolicy(repeated_train=True, repeated_held_out=True))
    assert not find_faults(kept).to_numpy().any()
    assert len(kept) == 4 * sum(IMAGES_PER_CLASS.values()) - 1  # of a conflict both images go


def test_a_conflict_in_another_split_or_an_unknown_folder() -> None:
    manifest = make_manifest(
        [("train", "happy", "a"), ("test", "sad", "a"), ("train", "happy", "b"), ("train", "disgust", "b")]
    )
    assert find_faults(manifest)["label_conflict"].tolist() == [True, True, False, False]


def test_undecodable_files_are_no_duplicates_of_each_other() -> None:
    manifest = make_manifest([("train", "happy", "a"), ("test", "sad", "b")]).assign(decodable=False, pixel_sha256="")
    assert find_faults(manifest).sum().loc[lambda counts: counts > 0].to_dict() == {"undecodable": 2}


def test_the_blank_threshold_is_the_policy_s() -> None:
    manifest = make_manifest([("train", "happy", "a"), ("train", "happy", "b")])
    manifest["standard_deviation"] = [5.0, 5.1]
    _, quarantine = clean_manifest(manifest, CleaningPolicy(blank_standard_deviation=5))
    assert quarantine["path"].tolist() == ["train/happy/0.jpg"]


def test_duplicates_are_counted() -> None:
    within_train = [("train", "happy", "a")] * 3
    within_validation = [("validation", "sad", "b")] * 2
    leaking = [("train", "sad", "c"), ("train", "sad", "c"), ("validation", "sad", "c")]
    conflict = [("train", "sad", "d"), ("test", "happy", "d")]
    manifest = make_manifest([*within_train, *within_validation, *leaking, *conflict, ("train", "happy", "e")])
    manifest.loc[10, "standard_deviation"] = 0.0
    assert summarize_duplicates(manifest).model_dump() == {
        "duplicate_groups": 4,
        "duplicate_groups_across_splits": 2,
        "leaking_train_images": 3,
        "label_conflict_images": 2,
        "blank_images": 1,
        "undecodable_images": 0,
    }


NEAR_ROWS = [
    ("train", "happy", "a"), ("validation", "happy", "a2"),  # a picture in train and validation
    ("train", "sad", "b"), ("train", "sad", "b"), ("test", "sad", "b"), ("train", "sad", "b2"),  # and its equal copies
    ("validation", "sad", "c"), ("test", "sad", "c2"),
    ("train", "happy", "d"), ("train", "neutral", "d2"),  # under two labels
    ("train", "happy", "e"), ("train", "happy", "e2"),  # harmless
    ("train", "happy", "f"), ("train", "disgust", "f2"), ("holdout", "happy", "f3"),  # no known folder, no conflict
]  # fmt: skip


def make_near_duplicates() -> pd.DataFrame:
    """Return a manifest whose contents with one first letter are one group."""
    manifest = make_manifest(NEAR_ROWS)
    return manifest.assign(group=[content[0] for _, _, content in NEAR_ROWS])


def test_near_duplicates_are_faults_beside_the_exact_ones() -> None:
    faults = find_faults(make_near_duplicates())
    assert {fault: faults.index[faults[fault]].tolist() for fault in FAULTS if faults[fault].any()} == {
        "unknown_folder": [13, 14],
        "leaking_train": [2, 3],
        "repeated_train": [3],
        "near_leaking_train": [0, 5],
        "near_leaking_validation": [6],
        "near_label_conflict": [8, 9],
    }


def test_cleaning_keeps_each_group_on_one_side() -> None:
    kept, quarantine = clean_manifest(make_near_duplicates(), CleaningPolicy())
    assert kept.groupby("group")["split"].nunique().max() == 1
    assert set(kept["group"]) == set("abcdef")
    assert "near_label_conflict" not in set(quarantine["reason"])
    kept, _ = clean_manifest(make_near_duplicates(), CleaningPolicy(near_label_conflict=True))
    assert set(kept["group"]) == set("abcef")


def test_near_duplicates_need_a_group() -> None:
    manifest = make_near_duplicates().drop(columns="group")
    assert not find_faults(manifest).filter(like="near_").to_numpy().any()
    with pytest.raises(PipelineError, match="no column group"):
        summarize_near_duplicates(manifest)


def test_near_duplicates_are_counted() -> None:
    assert summarize_near_duplicates(make_near_duplicates()).model_dump() == {
        "near_duplicate_groups": 6,
        "near_duplicate_groups_across_splits": 4,
        "near_duplicate_images": 15,
        "near_leaking_train_images": 2,
        "near_leaking_validation_images": 1,
        "near_label_conflict_images": 2,
    }
    equal_alone = make_manifest([("train", "sad", "a"), ("test", "sad", "a")]).assign(group="a")
    assert set(summarize_near_duplicates(equal_alone).model_dump().values()) == {0}


def test_wrong_policies_and_frames_are_refused() -> None:
    with pytest.raises(ValidationError):
        CleaningPolicy.model_validate({"blanks": True})
    with pytest.raises(PipelineError, match="lacks the columns"):
        clean_manifest(pd.DataFrame({"path": []}), CleaningPolicy())


@pytest.mark.parametrize(
    ("width", "height", "wrong"), [(48, 48, False), (47, 48, True), (48, 49, True), (64, 64, True)]
)
def test_width_and_height_both_count(width: int, height: int, wrong: bool) -> None:
    manifest = make_manifest([("train", "happy", "a")]).assign(width=width, height=height)
    assert find_faults(manifest)["wrong_size"].tolist() == [wrong]
    assert not find_faults(manifest.assign(decodable=False))["wrong_size"].any(), "it is damaged, not of a wrong size"


@pytest.mark.parametrize(("split", "label"), [("holdout", "happy"), ("train", "disgust"), ("holdout", "disgust")])
def test_a_split_or_a_class_that_is_not_known_is_a_fault_and_no_copy(split: str, label: str) -> None:
    manifest = make_manifest([("train", "happy", "a"), (split, label, "a"), ("test", "happy", "b")])
    found = find_faults(manifest)
    assert {fault: found.index[found[fault]].tolist() for fault in FAULTS if found[fault].any()} == {
        "unknown_folder": [1]
    }


@pytest.mark.parametrize("fault", ["not_gray", "blank"])
def test_a_damaged_image_is_neither_coloured_nor_blank(fault: str) -> None:
    manifest = make_manifest([("train", "happy", "a")]).assign(gray=False, standard_deviation=0.0)
    assert find_faults(manifest)[fault].all()
    assert not find_faults(manifest.assign(decodable=False))[fault].any()


def test_without_a_choice_an_image_of_one_gray_level_deviation_is_blank() -> None:
    manifest = make_manifest([("train", "happy", content) for content in "abc"])
    manifest["standard_deviation"] = [0.0, 1.0, 1.001]
    assert find_faults(manifest)["blank"].tolist() == [True, True, False]
    assert summarize_duplicates(manifest).blank_images == 2
    assert summarize_duplicates(manifest, blank_standard_deviation=0.5).blank_images == 1
    assert CleaningPolicy().blank_standard_deviation == 1


@pytest.mark.parametrize(("allowed", "refused"), [(0, -0.5), (128, 128.5)])
def test_the_blank_threshold_is_a_gray_level(allowed: float, refused: float) -> None:
    assert CleaningPolicy(blank_standard_deviation=allowed).blank_standard_deviation == allowed
    with pytest.raises(ValidationError):
        CleaningPolicy(blank_standard_deviation=refused)


@pytest.mark.parametrize(
    ("first", "second", "faults"),
    [
        (("train", "happy"), ("train", "happy"), {"repeated_train": [1]}),
        (("train", "happy"), ("validation", "happy"), {"leaking_train": [0]}),
        (("test", "happy"), ("train", "happy"), {"leaking_train": [1]}),
        (("validation", "happy"), ("test", "happy"), {"leaking_validation": [0]}),
        (("validation", "happy"), ("validation", "happy"), {"repeated_held_out": [1]}),
        (("test", "happy"), ("test", "sad"), {"label_conflict": [0, 1]}),
    ],
)
def test_which_of_two_equal_images_has_a_fault(first, second, faults) -> None:
    found = find_faults(make_manifest([(*first, "a"), (*second, "a"), ("train", "sad", "b")]))
    assert {fault: found.index[found[fault]].tolist() for fault in FAULTS if found[fault].any()} == faults


def test_reasons_of_a_person_come_before_the_faults_in_their_order() -> None:
    reasons = ["repeated_train", "undecodable", "relabel_removed", "blank", "undecodable", "another", "blank", "blank"]
    assert [(count.reason, count.images) for count in count_quarantine(pd.DataFrame({"reason": reasons}))] == [
        ("another", 1),
        ("relabel_removed", 1),
        ("undecodable", 2),
        ("blank", 3),
        ("repeated_train", 1),
    ]


def test_files_that_cannot_be_decoded_are_counted_and_are_no_group() -> None:
    rows = [("train", "happy", "a"), ("train", "happy", "a"), ("test", "sad", "b"), ("train", "sad", "b")]
    manifest = make_manifest(rows)
    manifest.loc[[0, 1, 2], "decodable"] = False
    summary = summarize_duplicates(manifest)
    assert (summary.undecodable_images, summary.duplicate_groups, summary.leaking_train_images) == (3, 0, 0)
