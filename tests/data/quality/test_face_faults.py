"""Faults of images that were cropped from photos; images that were no photos have none of them."""

from pathlib import Path

import pandas as pd

from data.manifest.face_columns import FACES_NAME, SMALLEST_FACE_SIDE, add_face_columns
from data.quality.cleaning import CleaningPolicy, clean_manifest, find_faults
from expectations.rules import DataRules
from expectations.run_suite import validate_manifest
from tests.support.image_tree import make_manifest

FACES = {"no_face": (0, 0.0), "several_faces": (2, 90.0), "small_face": (1, SMALLEST_FACE_SIDE - 0.5)}


def make_cropped(tmp_path: Path) -> pd.DataFrame:
    """Return the manifest of four crops: a sound one, and one with each fault."""
    manifest = make_manifest([("train", "happy", number) for number in range(4)])
    faces, sides = zip((1, float(SMALLEST_FACE_SIDE)), *FACES.values(), strict=True)
    table = pd.DataFrame({"path": manifest["path"], "faces": faces, "face_side": sides})
    table.sample(frac=1, random_state=0).to_parquet(tmp_path / FACES_NAME)
    return add_face_columns(manifest, tmp_path / FACES_NAME)


def test_each_fault_of_a_photo_is_found_alone_and_set_aside(tmp_path):
    manifest = make_cropped(tmp_path)
    faults = find_faults(manifest)
    for number, fault in enumerate(FACES, start=1):
        assert faults.loc[number][faults.loc[number]].index.tolist() == [fault]
    assert not faults.loc[0].any()
    kept, quarantine = clean_manifest(manifest, CleaningPolicy())
    assert kept["path"].tolist() == ["train/happy/0.jpg"]
    assert quarantine["reason"].tolist() == list(FACES)


def test_photos_without_a_face_are_no_copies_of_each_other(tmp_path):
    manifest = make_manifest([("train", "happy", "a"), ("test", "sad", "a")]).assign(faces=[0, 1], face_side=99.0)
    assert find_faults(manifest).sum().loc[lambda counts: counts > 0].to_dict() == {"no_face": 1}


def test_the_rules_are_checked_only_for_crops_of_photos(tmp_path):
    manifest = make_cropped(tmp_path)
    rules = DataRules(minimum_train_images=1, profile="none")
    found = {finding.rule: finding for finding in validate_manifest(manifest, rules).findings}
    assert not found["one_face"].success and not found["face_large_enough"].success
    assert found["one_face"].message == "1 photo found without a face, 1 photo found with several faces"
    assert found["one_face"].examples == ("train/happy/1.jpg", "train/happy/2.jpg")
    assert found["face_large_enough"].examples == ("train/happy/3.jpg",)
    plain = validate_manifest(manifest.drop(columns=["faces", "face_side"]), rules)
    assert not {"one_face", "face_large_enough"} & {finding.rule for finding in plain.findings}


def test_without_a_table_a_manifest_stays_as_it_is(tmp_path):
    manifest = make_manifest([("train", "happy", "a")])
    pd.testing.assert_frame_equal(add_face_columns(manifest, tmp_path / FACES_NAME), manifest)
