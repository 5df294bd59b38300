"""Images out of the gray levels of a CSV."""

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.base.errors import PipelineError
from data.sources.tables import csv_files
from data.sources.tables.csv_pixels import read_pixel_rows
from data.sources.tables.rows import NO_SPLIT, ImageRow
from tests.support.image_tables import write_rows

SQUARE = " ".join(["7"] * 48 * 48)


def read(path: Path) -> list[ImageRow]:
    return list(read_pixel_rows(path))


def pixels_of(row: ImageRow) -> np.ndarray:
    assert isinstance(row.content, bytes)
    return np.asarray(Image.open(io.BytesIO(row.content)))


@pytest.mark.parametrize("side", [32, 48, 224])
def test_pixels_are_those_of_the_csv(tmp_path: Path, side: int) -> None:
    levels = np.random.default_rng(side).integers(0, 256, (3, side, side))
    rows = [("emotion", " pixels", " Usage")]
    rows += [(str(number), " ".join(map(str, image.flatten())), "Training") for number, image in enumerate(levels)]
    read_rows = read(write_rows(tmp_path / "a.csv", rows))
    assert [(row.split, row.label, row.name) for row in read_rows] == [
        ("Training", str(number), f"{number + 1:08d}.png") for number in range(3)
    ]
    for row, image in zip(read_rows, levels, strict=True):
        np.testing.assert_array_equal(pixels_of(row), image)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_marks_and_line_ends(tmp_path: Path, delimiter: str, start: str, end: str) -> None:
    lines = [delimiter.join(["emotion", "pixels"]), "", delimiter.join(["happy", f'"{SQUARE}"']), ""]
    (tmp_path / "a.csv").write_text(start + end.join(lines), encoding="utf-8", newline="")
    (row,) = read(tmp_path / "a.csv")
    assert (row.split, row.label, row.name) == (NO_SPLIT, "happy", "00000001.png")


def test_gzip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(f"emotion,pixels\n3,{SQUARE}\n".encode()))
    assert [row.label for row in read(path)] == ["3"]
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(PipelineError, match=r"a.csv.gz cannot be read as CSV \(Compressed file ended"):
        read(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a.csv is empty"),
        ("emotion,pixel\n3,1 2\n", "has the columns emotion, pixel; expected emotion, pixels and perhaps Usage"),
        (f"emotion,pixels\n3,{SQUARE}\n3,{SQUARE} 1\n", "row 2 has 2305 pixels, expected a square .* 2304 for 48x48"),
        (
            f"emotion,pixels\n3,{' '.join(['1'] * 31 * 31)}\n",
            "row 1 has 961 pixels, expected .* sides of 32",
        ),
        (f"emotion,pixels\n3,{' '.join(['1'] * 225 * 225)}\n", "row 1 has 50625 pixels"),
        ("emotion,pixels\n3,\n", "row 1 has 0 pixels"),
        (f"emotion,pixels\n3,{SQUARE[:-1]}256\n", "row 1 has pixels that are no gray levels .*0 to 255"),
        (f"emotion,pixels\n3,{SQUARE[:-1]}-1\n", "row 1 has pixels that are no gray levels"),
        (f"emotion,pixels\n3,{SQUARE[:-1]}x\n", "row 1 has pixels that are no gray levels .*'x'"),
        (f"emotion,pixels\n ,{SQUARE}\n", "row 1 has no label; fill it in"),
        (f"emotion,pixels,Usage\n3,{SQUARE},\n", "row 1 has no split; fill it in"),
        (f"emotion,pixels\n3,{SQUARE},x\n", "row 1 has 3 values, expected 2 as in the header"),
        ('emotion,pixels\n3,"7 7', "cannot be read as CSV"),
    ],
)
def test_what_is_wrong_is_told_with_its_row(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(PipelineError, match=said):
        read(tmp_path / "a.csv")


def test_other_encodings_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("emotion,pixels\n".encode("utf-16"))
    with pytest.raises(PipelineError, match=r"no text in UTF-8 .*save it as CSV in UTF-8"):
        read(tmp_path / "a.csv")


def test_a_line_without_end_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_files, "MOST_LINE_CHARACTERS", 1000)
    (tmp_path / "a.csv").write_text("emotion,pixels\n" + "," * 2000)
    with pytest.raises(PipelineError, match="a line of more than 1000 characters"):
        read(tmp_path / "a.csv")


def test_rows_are_read_one_at_a_time(tmp_path: Path) -> None:
    """A wrong row is met when it is asked for, after the ones before it were given."""
    rows = read_pixel_rows(write_rows(tmp_path / "a.csv", [("emotion", "pixels"), ("1", SQUARE), ("2", "x")]))
    assert next(rows).label == "1"
    with pytest.raises(PipelineError, match="row 2"):
        next(rows)
