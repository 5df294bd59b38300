"""The drawn images of the growth benchmark."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from benchmarks.ingest import pictures
from benchmarks.ingest.pictures import write_pictures
from data.sources.limits import ExtractLimits
from data.sources.tables.find import table_of_file
from data.sources.tables.write import write_table
from tests.support.seed_format import CLASSES


@pytest.fixture(autouse=True)
def few_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "FACES_PER_CLASS", 3)
    monkeypatch.setattr(pictures, "IMAGES_PER_BATCH", 8)


def test_a_source_of_different_faces_of_each_class(tmp_path: Path) -> None:
    write_pictures(tmp_path / "faces.parquet", 40)
    write_table(table_of_file(tmp_path / "faces.parquet"), tmp_path / "images", ExtractLimits())
    files = list((tmp_path / "images").glob("*/*/*.jpg"))
    assert len({path.read_bytes() for path in files}) == 40
    assert {path.parent.name for path in files} == set(CLASSES)
    assert np.asarray(Image.open(files[0])).shape == (48, 48)


def test_a_larger_number_begins_with_the_same_batches(tmp_path: Path) -> None:
    few, many = tmp_path / "few.parquet", tmp_path / "many.parquet"
    write_pictures(few, 16)
    write_pictures(many, 24)
    assert pq.read_table(many).to_pylist()[:16] == pq.read_table(few).to_pylist()
    assert Image.open(io.BytesIO(pq.read_table(few)["image"][0].as_py()["bytes"])).format == "JPEG"
