"""The pictures of a verdict: the images that a finding names, copies beside what they are copies of."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.manifest.table import build_manifest
from data.records.dataset import Finding
from reports.dataset.exhibits import (
    PICTURES_PER_FINDING,
    gather_exhibits,
    gather_odd_images,
    group_examples,
    make_thumbnail,
)
from tests.support.image_tree import make_manifest, make_pixels, write_image, write_image_tree


def finding(rule: str, examples: tuple[str, ...], observed: int = 1, success: bool = False) -> Finding:
    return Finding(
        rule=rule,
        severity="warning",
        success=success,
        observed=observed,
        expected="none",
        message="some",
        examples=examples,
    )


def decode(source: str) -> Image.Image:
    head, _, content = source.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


@pytest.fixture
def manifest() -> pd.DataFrame:
    """One picture in train, validation and test, one under two classes, one twice in train and once in validation."""
    rows = [
        ("train", "happy", "leaked"),  # 0
        ("validation", "happy", "leaked"),  # 1
        ("test", "happy", "leaked"),  # 2
        ("train", "sad", "contradicted"),  # 3
        ("train", "neutral", "contradicted"),  # 4
        ("train", "happy", "repeated"),  # 5
        ("train", "happy", "repeated"),  # 6
        ("validation", "happy", "repeated"),  # 7
        ("train", "surprise", "near"),  # 8
        ("validation", "sad", "nearer"),  # 9
    ]
    frame = make_manifest(rows)
    return frame.assign(group=frame["pixel_sha256"].where(frame.index < 8, "one picture"))


@pytest.mark.parametrize(
    ("rule", "example", "counterpart"),
    [
        ("no_duplicates_across_splits", "train/happy/0.jpg", "test/happy/2.jpg"),
        ("no_duplicates_across_splits", "validation/happy/1.jpg", "test/happy/2.jpg"),
        ("one_label_per_image", "train/sad/3.jpg", "train/neutral/4.jpg"),
        ("no_duplicates_within_train", "train/happy/6.jpg", "train/happy/5.jpg"),
        ("no_near_duplicates_across_splits", "train/surprise/8.jpg", "validation/sad/9.jpg"),
        ("one_label_per_picture", "validation/sad/9.jpg", "train/surprise/8.jpg"),
    ],
)
def test_a_copy_is_shown_beside_what_it_is_a_copy_of(manifest, rule, example, counterpart):
    assert group_examples(finding(rule, (example,)), manifest) == [(example, counterpart)]


def test_a_picture_named_twice_is_shown_once(manifest):
    both = finding("one_label_per_image", ("train/neutral/4.jpg", "train/sad/3.jpg"))
    assert group_examples(both, manifest) == [("train/neutral/4.jpg", "train/sad/3.jpg")]


def test_examples_of_splits_stay_the_pairs_they_are(manifest):
    paths = ("train/happy/0.jpg", "validation/happy/7.jpg", "train/sad/3.jpg", "validation/sad/9.jpg")
    assert group_examples(finding("splits_alike", paths), manifest) == [paths[:2], paths[2:]]


def test_no_finding_has_more_pictures_than_a_page_has_room_for():
    rows = [(split, "happy", number) for number in range(12) for split in ("train", "test")]
    manifest = make_manifest(rows)
    leaks = tuple(manifest.loc[manifest["split"] == "train", "path"])
    assert sum(map(len, group_examples(finding("no_duplicates_across_splits", leaks), manifest))) == 10
    assert len(group_examples(finding("not_blank", leaks), manifest)) == PICTURES_PER_FINDING


def test_exhibits_show_the_files_themselves(tmp_path):
    root = write_image_tree(tmp_path, {"train": 2, "validation": 1}, faults=["leaking_train", "truncated"])
    leak, cut = "train/happy/leak.jpg", "train/happy/truncated.jpg"
    findings = [finding("no_duplicates_across_splits", (leak,)), finding("decodable", (cut,)), finding("other", ())]
    copies, broken, nothing = gather_exhibits(findings, build_manifest(root), root)
    ((first, second),) = copies.groups
    assert (first.path, second.path) == (leak, "validation/happy/0.jpg")
    assert np.array_equal(np.asarray(decode(first.source)), np.asarray(Image.open(root / leak)))
    assert first.source == second.source
    assert [picture.source for group in broken.groups for picture in group] == [""]
    assert nothing.groups == ()


def test_a_large_or_coloured_image_is_shown_small_and_in_colour(tmp_path):
    random = np.random.default_rng(3)
    large = write_image(tmp_path / "large.png", make_pixels(random, size=200))
    red = write_image(tmp_path / "red.png", np.full((48, 48, 3), (200, 10, 10), np.uint8))
    assert decode(make_thumbnail(large)).size == (48, 48)
    assert decode(make_thumbnail(red)).getpixel((5, 5)) == (200, 10, 10)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n and no more"])
def test_a_file_that_is_no_image_has_no_thumbnail(tmp_path, content):
    path = tmp_path / "0.jpg"
    path.write_bytes(content)
    assert make_thumbnail(path) == make_thumbnail(tmp_path / "absent.jpg") == ""


def test_odd_images_are_shown_with_what_is_odd(tmp_path):
    root = write_image_tree(tmp_path, {"train": 6})
    odd = write_image(root / "train/sad/drawing.png", np.tile(np.array([[0, 255], [255, 0]], np.uint8), (24, 24)))
    manifest = build_manifest(root)
    shown = gather_odd_images([finding("odd_images", (), observed=3, success=True)], manifest, root)
    assert len(shown) == 3
    assert shown[0].path == odd.relative_to(root).as_posix()
    assert shown[0].note.split()[-1][0] in "+-"
    assert gather_odd_images([finding("not_blank", ())], manifest, root) == ()
