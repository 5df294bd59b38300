"""Finding the images that look least like the others."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from data.base.errors import PipelineError
from data.manifest.table import FEATURES, build_manifest
from data.quality.odd_images import find_odd_images
from tests.support.image_tree import make_manifest, write_image, write_image_tree


def draw_text() -> np.ndarray:
    """Return black letters on white."""
    page = Image.new("L", (48, 48), 255)
    ImageDraw.Draw(page).multiline_text((2, 2), "image\nremoved\nby owner", fill=0)
    return np.asarray(page)


def test_planted_drawings_and_text_rank_first_with_what_is_odd(tmp_path: Path) -> None:
    root = write_image_tree(tmp_path, {"train": 40, "validation": 10})
    line = np.full((48, 48), 120, dtype=np.uint8)
    line[20:22] = 130
    write_image(root / "train/sad/text.png", draw_text())
    write_image(root / "validation/happy/copy.png", draw_text())
    write_image(root / "validation/happy/line.png", line)
    odd = find_odd_images(build_manifest(root), limit=5)
    assert len(odd) == 5 and odd["score"].is_monotonic_decreasing
    assert set(odd["path"][:2]) == {"train/sad/text.png", "validation/happy/line.png"}
    assert (odd["deviation"][:2].abs() > 5).all() and set(odd["feature"]) <= set(FEATURES)


def test_the_ranking_does_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    manifest = build_manifest(write_image_tree(tmp_path, {"train": 20}))
    pd.testing.assert_frame_equal(find_odd_images(manifest, 10), find_odd_images(manifest.iloc[::-1], 10))


def test_blank_and_undecodable_images_are_left_to_their_own_rules(tmp_path: Path) -> None:
    root = write_image_tree(tmp_path, {"train": 10}, faults=["blank", "truncated"])
    paths = set(find_odd_images(build_manifest(root), 100)["path"])
    assert len(paths) == 40 and not paths & {"train/sad/blank.jpg", "train/happy/truncated.jpg"}


def test_no_usable_image_gives_an_empty_frame_and_no_manifest_is_refused() -> None:
    manifest = make_manifest([("train", "sad", "a")])
    assert find_odd_images(manifest.assign(decodable=False)).empty
    with pytest.raises(PipelineError, match="lacks the columns"):
        find_odd_images(manifest.drop(columns="noise"))


def make_spread(images: int) -> pd.DataFrame:
    """Return images whose statistics are spread at random."""
    manifest = make_manifest([("train", "sad", f"picture {n}") for n in range(images)])
    random = np.random.default_rng(4)
    return manifest.assign(**{name: random.normal(100, 10, images) for name in FEATURES})


def test_without_a_choice_48_images_are_listed_by_one_forest() -> None:
    manifest = make_spread(50)
    odd = find_odd_images(manifest)
    assert len(odd) == 48
    pd.testing.assert_frame_equal(odd, find_odd_images(manifest, limit=48, seed=42))
    pd.testing.assert_frame_equal(odd[:5], find_odd_images(manifest, limit=5))
    assert odd["path"].tolist() != find_odd_images(manifest, seed=43)["path"].tolist()


def test_the_oddest_statistic_is_told_in_interquartile_ranges_with_its_sign() -> None:
    manifest = make_spread(41)
    for path, value in (("train/sad/7.jpg", 10_000.0), ("train/sad/8.jpg", -20_000.0)):
        manifest.loc[manifest["path"] == path, "noise"] = value
    odd = find_odd_images(manifest).set_index("path")
    quarter, median, three_quarters = np.percentile(manifest["noise"], [25, 50, 75])
    for path, value in (("train/sad/7.jpg", 10_000), ("train/sad/8.jpg", -20_000)):
        assert odd.loc[path, "feature"] == "noise"
        assert odd.loc[path, "deviation"] == pytest.approx((value - median) / (three_quarters - quarter))
    assert set(odd.index[:2]) == {"train/sad/7.jpg", "train/sad/8.jpg"}
    assert odd["score"].between(0, 1).all() and odd["score"].is_monotonic_decreasing
    assert odd["score"].iloc[0] > 0.5 > odd["score"].iloc[-1]


def test_an_image_just_above_blank_is_judged_and_of_copies_the_first_by_path() -> None:
    manifest = make_spread(6)
    manifest["standard_deviation"] = [1.0, 1.01, 5, 5, 5, 5]
    manifest["pixel_sha256"] = manifest["pixel_sha256"].where(manifest.index != 5, manifest["pixel_sha256"].iloc[3])
    for rows in (manifest, manifest[::-1]):
        assert sorted(find_odd_images(rows)["path"]) == [f"train/sad/{n}.jpg" for n in (1, 2, 3, 4)]
