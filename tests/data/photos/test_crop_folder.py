"""Crops of a folder of photos: one a photo under its path, and a table of what was found."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.base.data_format import DataFormat
from data.photos.crop_folder import CropsSpec, crop_photos
from data.sample.scenes import draw_scene

pytest.importorskip("cv2")

GRAY = DataFormat(labels=("happy", "sad"))
SCENES = {
    "train/happy/one.jpg": [140],
    "train/happy/none.png": [],
    "train/sad/several.jpg": [140, 130],
    "train/sad/bystander.webp": [150, 50],
}


def write_photos(root: Path) -> Path:
    """Write the scenes, a text, and the first scene under another name."""
    for seed, (path, sides) in enumerate(SCENES.items(), start=21):
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_scene((500, 300), sides, np.random.default_rng(seed), label="happy").pixels).save(target)
    (root / "train/sad/page.jpg").write_text("<!doctype html><html></html>")
    return root


def crop(tmp_path: Path, threads: int = 1, data_format: DataFormat = GRAY) -> tuple[pd.DataFrame, Path, list]:
    photos, out = write_photos(tmp_path / "photos"), tmp_path / f"out{threads}"
    out.mkdir()
    progress: list[tuple[int, int]] = []
    spec = CropsSpec(
        photos=photos,
        images=out / "images",
        table=out / "faces.parquet",
        data_format=data_format,
        threads=threads,
    )
    table = crop_photos(spec, lambda done, total: progress.append((done, total)))
    pd.testing.assert_frame_equal(table, pd.read_parquet(spec.table))
    return table.set_index("path"), out / "images", progress


def test_each_photo_gives_one_file_and_one_row(tmp_path):
    table, images, progress = crop(tmp_path)
    assert progress == [(5, 5)]
    assert table["faces"].to_dict() == {
        "train/happy/one.jpg": 1,
        "train/happy/none.png": 0,
        "train/sad/several.jpg": 2,
        "train/sad/bystander.webp": 1,
        "train/sad/page.jpg": 0,
    }
    assert table["outcome"].loc[["train/happy/none.png", "train/sad/page.jpg"]].tolist() == ["no_face", "unreadable"]
    assert table["message"]["train/sad/page.jpg"].startswith("the file is an HTML page")
    assert 90 < table["face_side"]["train/happy/one.jpg"] < 190
    assert (images / "train/sad/page.jpg").read_bytes() == b""
    for path in SCENES:
        with Image.open(images / path) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "L", (48, 48))


def test_a_crop_shows_the_face_that_was_drawn(tmp_path):
    _, images, _ = crop(tmp_path)
    scene = draw_scene((500, 300), [140], np.random.default_rng(21), label="happy")
    [face] = scene.faces
    square = (face.x - 70, face.y - 70, face.x + 70, face.y + 70)
    drawn = Image.fromarray(scene.pixels).convert("L").crop(tuple(map(round, square))).resize((48, 48))
    with Image.open(images / "train/happy/one.jpg") as image:
        cropped = np.asarray(image, dtype=float)
    inner = (slice(12, 36), slice(12, 36))
    assert np.corrcoef(cropped[inner].ravel(), np.asarray(drawn, dtype=float)[inner].ravel())[0, 1] > 0.6


def test_threads_do_not_change_the_result_and_colour_is_kept(tmp_path):
    table, images, _ = crop(tmp_path)
    again, others, _ = crop(tmp_path, threads=3)
    pd.testing.assert_frame_equal(table, again)
    assert all((images / path).read_bytes() == (others / path).read_bytes() for path in SCENES)
    colour = DataFormat(labels=("happy", "sad"), height=64, width=64, channels=3)
    _, images, _ = crop(tmp_path / "colour", data_format=colour)
    with Image.open(images / "train/happy/one.jpg") as image:
        assert (image.mode, image.size) == ("RGB", (64, 64))
