"""Images out of Parquet files."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from data.base.errors import PipelineError
from data.sources.limits import ExtractLimits
from data.sources.tables import parquet
from data.sources.tables.parquet import count_rows, read_parquet_rows, split_of_file
from data.sources.tables.rows import NO_SPLIT, ImageRow
from tests.support.image_tables import draw_images, make_table

LIMITS = ExtractLimits()
Rows = list[ImageRow]
PNG = draw_images(1)[0].png


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((48, 48), np.uint8)).save(file, "JPEG")
    return file.getvalue()


def write(path: Path, columns: dict[str, Any], class_names: dict[str, Any] | None = None) -> Path:
    table = pa.table(columns)
    if class_names is not None:
        features = {name: {"names": names, "_type": "ClassLabel"} for name, names in class_names.items()}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def read(
    *files: Path, root: Path | None = None, with_paths: bool = True, limits: ExtractLimits = LIMITS
) -> list[ImageRow]:
    return list(read_parquet_rows(files, root or files[0].parent, limits, with_paths))


def test_bytes_are_unchanged_and_named_by_what_they_are(tmp_path: Path) -> None:
    images = [PNG, jpeg(), b"GIF89a", b"what"]
    path = write(tmp_path / "a.parquet", {"image": images, "label": ["x", "x", "x", "x"]})
    rows = read(path)
    assert [row.content for row in rows] == images
    assert [row.name for row in rows] == ["00000001.png", "00000002.jpg", "00000003.gif", "00000004.bin"]
    assert {row.split for row in rows} == {NO_SPLIT}
    assert count_rows(path) == 4


@pytest.mark.parametrize("image", ["image", "img", "Image"])
@pytest.mark.parametrize("label", ["label", "labels", "emotion", "expression"])
def test_columns_and_names_of_classes(tmp_path: Path, image: str, label: str) -> None:
    columns = {"id": [1, 2, 3], image: [{"bytes": PNG, "path": None}] * 3, label: [1, 0, 7]}
    assert [row.label for row in read(write(tmp_path / "a.parquet", columns, {label: ["Angry", "Happy"]}))] == [
        "Happy",
        "Angry",
        "7",
    ]


@pytest.mark.parametrize("names", [None, {"label": [1, 2]}, {"label": None}, {"other": ["a"]}])
def test_numbers_without_names_stay_numbers(tmp_path: Path, names: dict[str, Any] | None) -> None:
    assert [row.label for row in read(write(tmp_path / "a.parquet", {"image": [PNG], "label": [0]}, names))] == ["0"]


@pytest.mark.parametrize("metadata", [b"{", b"[]", b'{"info": []}', b'{"info": {"features": [1]}}', b"\xff"])
def test_strange_metadata_is_no_error(tmp_path: Path, metadata: bytes) -> None:
    table = pa.table({"image": [PNG], "label": [0]}).replace_schema_metadata({b"huggingface": metadata})
    pq.write_table(table, tmp_path / "a.parquet")
    assert [row.label for row in read(tmp_path / "a.parquet")] == ["0"]


def test_names_may_be_categories_and_splits_a_column(tmp_path: Path) -> None:
    labels = pa.array(["sad", "happy"]).dictionary_encode()
    path = write(
        tmp_path / "train.parquet", {"image": [PNG, PNG], "label": labels, "Usage": ["Training", "PublicTest"]}
    )
    assert [(row.split, row.label) for row in read(path)] == [("Training", "sad"), ("PublicTest", "happy")]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("data/train-00000-of-00002.parquet", "train"),
        ("validation/0000.parquet", "validation"),
        ("default/PublicTest/0000.parquet", "PublicTest"),
        ("test.parquet", "test"),
        ("fer-dev.parquet", "dev"),
        ("holdout-00000-of-00001.parquet", "holdout"),
        ("faces.parquet", NO_SPLIT),
        ("data/0000.parquet", NO_SPLIT),
    ],
)
def test_splits_of_paths(name: str, split: str) -> None:
    assert split_of_file(name.split("/")) == split


def test_files_with_and_without_a_split_are_refused(tmp_path: Path) -> None:
    columns = {"image": [PNG], "label": [0]}
    files = [write(tmp_path / "train.parquet", columns), write(tmp_path / "more.parquet", columns)]
    with pytest.raises(PipelineError, match=r"such as train.parquet, and without one, such as more.parquet"):
        read(*files)


def test_numbers_run_over_all_files(tmp_path: Path) -> None:
    files = [
        write(tmp_path / f"{split}.parquet", {"image": [PNG, PNG], "label": [0, 1]}) for split in ("test", "train")
    ]
    assert [(row.split, row.name) for row in read(*files)] == [
        ("test", "00000001.png"),
        ("test", "00000002.png"),
        ("train", "00000003.png"),
        ("train", "00000004.png"),
    ]


def test_a_path_is_read_from_the_folders_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "set/faces").mkdir(parents=True)
    (tmp_path / "set/faces/1.JPG").write_bytes(jpeg())
    columns = {"image": [{"bytes": None, "path": "faces/1.JPG"}], "label": ["sad"]}
    path = write(tmp_path / "set/data/a.parquet", columns)
    (row,) = read(path, root=tmp_path)
    assert (row.content, row.name) == (tmp_path / "set/faces/1.JPG", "00000001.jpg")
    with pytest.raises(PipelineError, match="give the folder with the Parquet file and the images as the source"):
        read(path, root=tmp_path, with_paths=False)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "none.png", "link.png", "."])
def test_a_path_never_leads_out_of_the_source(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").write_bytes(PNG)
    path = write(tmp_path / "in/a.parquet", {"image": [{"bytes": None, "path": name}], "label": ["sad"]})
    (tmp_path / "in/link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(PipelineError, match=r"row 1 has no bytes, and its path .* names no plain file below"):
        read(path)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"label": [0]}, "has the columns label; expected image, label and perhaps split"),
        ({"image": [PNG]}, "has the columns image; expected image, label"),
        ({"image": [[[1]]], "label": [0]}, r"the column image has the type list<.*expected the bytes of image files"),
        ({"image": [{"x": "x"}], "label": [0]}, r"the column image has the type struct<x"),
        ({"image": ["a.png"], "label": [0]}, "the column image has the type string"),
        ({"image": [PNG], "label": [0.5]}, "the column label has the type double; expected whole numbers or names"),
        ({"image": [PNG], "label": [[0]]}, "the column label has the type list<"),
        ({"image": [PNG], "label": [True]}, "the column label has the type bool"),
        ({"image": [PNG, PNG], "label": ["x", None]}, "row 2 has no label; fill it in"),
        ({"image": [PNG], "label": [" "]}, "row 1 has no label"),
        ({"image": [PNG], "label": [0], "split": pa.array([None], pa.string())}, "row 1 has no split"),
        ({"image": [PNG, b""], "label": [0, 0]}, "row 2 has no image: neither bytes nor a path"),
        ({"image": pa.array([None], pa.binary()), "label": [0]}, "row 1 has no image"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    with pytest.raises(PipelineError, match=said):
        read(write(tmp_path / "a.parquet", columns))


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"what", lambda data: b""])
def test_damaged_files_are_told(tmp_path: Path, damage) -> None:
    path = write(tmp_path / "a.parquet", {"image": [PNG], "label": [0]})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PipelineError, match=r"a.parquet cannot be read as Parquet .*get or write it again"):
        read(path)


def test_any_changed_byte_gives_an_error_of_ours_or_a_table(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"image": [PNG] * 3, "label": ["sad", "happy", "sad"]})
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    told = 0
    for position in random.integers(0, len(whole), 300):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            read(path)
        except PipelineError:
            told += 1
    assert told > 0


def test_declared_sizes_are_limited(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"image": [PNG] * 3, "label": [0] * 3})
    with pytest.raises(PipelineError, match="more than 2 files"):
        read(path, limits=ExtractLimits(max_files=2))
    with pytest.raises(PipelineError, match="unpacks to more than 500 bytes"):
        read(path, limits=ExtractLimits(max_total_bytes=500))
    bomb = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"image": [bytes(1 << 20)], "label": [0]}), bomb, compression="zstd", use_dictionary=False)
    with pytest.raises(PipelineError, match="more than 100 times its size"):
        read(bomb)


def test_few_rows_are_in_memory_whatever_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row group of all rows, as pandas writes it, is read in batches, and each before the next one is asked for."""
    monkeypatch.setattr(parquet, "BATCH_ROWS", 4)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.concat_tables([make_table(draw_images(5))]), path, row_group_size=1000)
    sizes: list[int] = []
    original = pq.ParquetFile.iter_batches

    def spy(self: pq.ParquetFile, *args: Any, **kwargs: Any):
        for batch in original(self, *args, **kwargs):
            sizes.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    rows = read_parquet_rows([path], tmp_path, LIMITS)
    for _ in range(4):
        next(rows)
    assert sizes == [4]
    assert 4 + len(list(rows)) == sum(sizes) == 60
    assert max(sizes) == 4
