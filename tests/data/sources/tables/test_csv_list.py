"""Images beside a list that names them."""

from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.sources.limits import ExtractLimits
from data.sources.tables.csv_list import check_list, read_list_rows
from data.sources.tables.rows import NO_SPLIT, ImageRow
from tests.support.image_tables import write_rows

LIMITS = ExtractLimits()


def make_files(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def read(path: Path, limits: ExtractLimits = LIMITS) -> list[ImageRow]:
    return list(read_list_rows(path, check_list(path, limits)))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", [("path", "label", "split"), ("File Name", "emotion", "Usage")])
def test_files_labels_and_splits_are_read(tmp_path: Path, delimiter: str, header: tuple[str, ...]) -> None:
    make_files(tmp_path, "a/1.png", "b/2.JPG")
    rows = [header, ("a/1.png", "happy", "train"), ("./b\\2.JPG", "3", "val")]
    assert read(write_rows(tmp_path / "images.csv", rows, delimiter)) == [
        ImageRow("train", "happy", "1.png", tmp_path / "a/1.png"),
        ImageRow("val", "3", "2.JPG", tmp_path / "b/2.JPG"),
    ]


def test_files_of_one_name_get_the_number_of_their_row(tmp_path: Path) -> None:
    make_files(tmp_path, "a/1.png", "b/1.PNG")
    path = write_rows(tmp_path / "images.csv", [("path", "label"), ("a/1.png", "sad"), ("b/1.PNG", "sad")])
    assert [row.name for row in read(path)] == ["00000001.png", "00000002.png"]


def test_folders_say_the_split_if_no_column_does(tmp_path: Path) -> None:
    make_files(tmp_path, "set/Training/1.png", "set/val/2.png", "other/3.png")
    rows = [("path", "label"), ("set/Training/1.png", "sad"), ("set/val/2.png", "sad")]
    path = write_rows(tmp_path / "images.csv", rows)
    assert [row.split for row in read(path)] == ["Training", "val"]
    write_rows(path, [*rows, ("other/3.png", "sad")])
    with pytest.raises(PipelineError, match=r"2 of its 3 paths have .* such as other/3.png; add a column split"):
        read(path)
    write_rows(path, [rows[0], ("other/3.png", "sad")])
    assert [row.split for row in read(path)] == [NO_SPLIT]


def test_paths_that_cannot_be_taken_are_counted_with_examples(tmp_path: Path) -> None:
    make_files(tmp_path / "in", "1.png", "2.png", "folder/3.png", ".hidden/4.png")
    make_files(tmp_path, "outside.png")
    (tmp_path / "in/link.png").symlink_to(tmp_path / "outside.png")
    (tmp_path / "in/links").symlink_to(tmp_path)
    outside = ["../outside.png", str(tmp_path / "in/1.png"), "C:\\1.png", "link.png", "links/outside.png"]
    missing = ["none.png", "folder", ".hidden/4.png", "1.png/x", "n" * 300, "."]
    rows = [("path", "label"), *((name, "sad") for name in ["1.png", "2.png", *outside, *missing, "./1.png"])]
    with pytest.raises(PipelineError) as caught:
        read(write_rows(tmp_path / "in/images.csv", rows))
    said = str(caught.value)
    assert "5 lead out of the folder of the list, directly or by a link (../outside.png, " in said
    assert "6 do not exist as plain files (none.png, folder, .hidden/4.png, ...)" in said
    assert "1 stand in the list twice (./1.png)" in said


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("path", "name")], "has the columns path, name; expected path, label and perhaps split"),
        ([("path", "label"), ("", "sad")], "row 1 has no path"),
        ([("path", "label"), ("1.png", "")], "row 1 has no label"),
        ([("path", "label", "split"), ("1.png", "sad", "")], "row 1 has no split"),
    ],
)
def test_missing_columns_and_values_are_told(tmp_path: Path, rows: list[tuple[str, ...]], said: str) -> None:
    make_files(tmp_path, "1.png")
    with pytest.raises(PipelineError, match=said):
        read(write_rows(tmp_path / "images.csv", rows))


def test_names_are_limited_while_the_list_is_read(tmp_path: Path) -> None:
    make_files(tmp_path, "1.png", "2.png")
    path = write_rows(tmp_path / "images.csv", [("path", "label"), ("1.png", "sad"), ("2.png", "sad")])
    assert len(read(path, ExtractLimits(max_files=2))) == 2
    with pytest.raises(PipelineError, match="more than 1 files"):
        read(path, ExtractLimits(max_files=1))


def test_a_file_that_goes_after_the_check_is_told(tmp_path: Path) -> None:
    make_files(tmp_path, "1.png")
    path = write_rows(tmp_path / "images.csv", [("path", "label"), ("1.png", "sad")])
    listed = check_list(path, LIMITS)
    (tmp_path / "1.png").unlink()
    with pytest.raises(PipelineError, match="1 do not exist"):
        list(read_list_rows(path, listed))
