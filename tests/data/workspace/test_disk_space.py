"""Estimates of what stages need, against what they take."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from data.base.data_format import SEED_FORMAT
from data.sources.extract import list_sizes
from data.sources.limits import ExtractLimits
from data.views.tfrecords import ShardKey, write_records
from data.workspace.disk_space import count_file_bytes, count_view_bytes
from tests.support.seed_format import CLASSES


def test_views_take_what_was_estimated(tmp_path):
    paths = [f"train/{CLASSES[n % len(CLASSES)]}/image_{n:05d}.jpg" for n in range(40)]
    frame = pd.DataFrame({"path": paths, "part": ["train"] * 30 + ["test"] * 10})
    frame.to_parquet(tmp_path / "manifest.parquet")
    estimated = count_view_bytes(tmp_path / "manifest.parquet", views=3, data_format=SEED_FORMAT)
    written = 0
    for part, rows in frame.groupby("part"):
        for view in range(3 if part == "train" else 1):
            images = np.zeros((len(rows), 48, 48, 1), np.uint8)
            labels, ids = [0] * len(rows), rows["path"].tolist()
            written += write_records(tmp_path, ShardKey(str(part), view), images, labels, ids).bytes
    assert written <= estimated <= 1.05 * written


def test_small_files_take_whole_blocks():
    assert count_file_bytes([1, 4096, 4097, 0]) == 4096 + 4096 + 8192


def test_an_archive_is_measured_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "faces.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train/happy/0.jpg", b"0" * 5000)
        archive.writestr("train/happy/1.jpg", json.dumps({}))
    assert list_sizes(tmp_path / "faces.zip", ExtractLimits()) == [5000, 2]


def test_only_train_images_have_several_views(tmp_path):
    paths, parts = ["a" * 10, "b" * 20, "c" * 30], ["train", "selection", "test"]
    pd.DataFrame({"path": paths, "part": parts}).to_parquet(tmp_path / "manifest.parquet")
    one, five = (count_view_bytes(tmp_path / "manifest.parquet", views, SEED_FORMAT) for views in (1, 5))
    of_train = 48 * 48 + 110 + 10
    assert five - one == 4 * of_train
    assert one == 3 * of_train + 10 + 20


@pytest.mark.parametrize(("size", "blocks"), [(0, 0), (1, 1), (4095, 1), (4096, 1), (4097, 2), (8193, 3)])
def test_a_file_takes_the_blocks_that_it_begins(size, blocks):
    assert count_file_bytes([size]) == blocks * 4096
    assert count_file_bytes([size, size]) == 2 * blocks * 4096
