"""Folders of images out of tables."""

from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.base.named_formats import FormatChoice
from data.base.names import ClassNames
from data.records.dataset import FolderNames
from data.sources.folder_names import choose_carved, describe_names
from data.sources.limits import ExtractLimits
from data.sources.tables import write
from data.sources.tables.find import table_of_file
from data.sources.tables.write import estimate_sizes, list_read, to_folder_name, write_table
from tests.support.image_tables import write_parquet_file, write_rows

LIMITS = ExtractLimits()
SQUARE = " ".join(["7"] * 48 * 48)


def write_csv(root: Path, rows: list[tuple[str, ...]], classes: ClassNames, limits=LIMITS) -> FolderNames:
    header = ("pixels", "emotion", "Usage")[: len(rows[0]) + 1]
    path = write_rows(root / "fer2013.csv", [header, *((SQUARE, *row) for row in rows)])
    return write_table(table_of_file(path), root / "out", limits, classes)


def files_in(root: Path) -> list[str]:
    return sorted(path.relative_to(root / "out").as_posix() for path in (root / "out").rglob("*.png"))


def test_numbers_mean_the_labels_of_the_format(tmp_path: Path) -> None:
    rows = [("0", "Training"), ("3", "Training"), ("06", "PublicTest"), ("Happiness", "PrivateTest")]
    names = write_csv(tmp_path, rows, FormatChoice(name="fer2013").class_names())
    assert files_in(tmp_path) == [
        "test/happy/00000004.png",
        "train/angry/00000001.png",
        "train/happy/00000002.png",
        "validation/neutral/00000003.png",
    ]
    assert (names.layout, names.missing) == ("SPLIT/CLASS", ())
    assert describe_names(names) == (
        "0 was read as angry (1)",
        "06 was read as neutral (1)",
        "3 was read as happy (1)",
        "Happiness was read as happy (1)",
        "PrivateTest was read as test (1)",
        "PublicTest was read as validation (1)",
        "Training was read as train (2)",
    )


def test_numbers_stay_themselves_if_the_labels_are_found(tmp_path: Path) -> None:
    names = write_csv(tmp_path, [("0", "train"), ("06", "test")], ClassNames(()))
    assert files_in(tmp_path) == ["test/06/00000002.png", "train/0/00000001.png"]
    assert (names.renamed, names.missing) == ((), ("validation",))


def test_without_splits_all_images_are_train(tmp_path: Path) -> None:
    names = write_csv(tmp_path, [("happy",), ("sad",)], ClassNames())
    assert files_in(tmp_path) == ["train/happy/00000001.png", "train/sad/00000002.png"]
    assert (names.layout, names.missing) == ("CLASS", ("validation", "test"))
    assert choose_carved(names, with_test=False) == ("test", "validation")


def test_unknown_names_stay_and_are_safe(tmp_path: Path) -> None:
    rows = [("../../escape", "train"), ("rage", "holdout"), (".", "a/b"), ("\u00e9", "train")]
    names = write_csv(tmp_path, rows, ClassNames())
    assert files_in(tmp_path) == [
        "a_b/_/00000003.png",
        "holdout/rage/00000002.png",
        "train/_._.._escape/00000001.png",
        "train/\u00e9/00000004.png",
    ]
    assert {one.name: one.read_as for one in names.renamed} == {"../../escape": "_._.._escape", "a/b": "a_b", ".": "_"}


@pytest.mark.parametrize(
    ("name", "folder"),
    [("", "_"), ("\ud800", "?"), ("x" * 100, "x" * 60), ("a\x00b\nc", "a_b_c"), ("C:", "C_"), ("a\\b", "a_b")],
)
def test_names_of_folders_can_be_written(name: str, folder: str) -> None:
    assert to_folder_name(name) == folder == to_folder_name(folder)


def test_limits_hold_at_their_edge(tmp_path: Path) -> None:
    rows = [("happy",), ("sad",)]
    write_csv(tmp_path / "a", rows, ClassNames(), ExtractLimits(max_files=2))
    with pytest.raises(PipelineError, match="more than 1 files"):
        write_csv(tmp_path / "b", rows, ClassNames(), ExtractLimits(max_files=1))
    size = sum(path.stat().st_size for path in (tmp_path / "a/out").rglob("*.png"))
    write_csv(tmp_path / "c", rows, ClassNames(), ExtractLimits(max_total_bytes=size))
    with pytest.raises(PipelineError, match=f"unpacks to more than {size - 1} bytes"):
        write_csv(tmp_path / "d", rows, ClassNames(), ExtractLimits(max_total_bytes=size - 1))


def test_a_column_that_holds_no_labels_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "MOST_NAMES", 2)
    write_csv(tmp_path / "a", [("1",), ("2",), ("1",)], ClassNames())
    with pytest.raises(PipelineError, match=r"more than 2 pairs of a split and a label, such as .*check which columns"):
        write_csv(tmp_path / "b", [("1",), ("2",), ("3",)], ClassNames())


def test_a_table_without_rows_is_told(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.csv", [("emotion", "pixels")])
    with pytest.raises(PipelineError, match=r"a.csv holds no image; expected a row for each image"):
        write_table(table_of_file(path), tmp_path / "out", LIMITS)


def test_what_is_read_is_listed_and_its_images_are_estimated(tmp_path: Path) -> None:
    images = write_rows(tmp_path / "images.csv", [("path", "label"), ("1.png", "sad")])
    (tmp_path / "1.png").write_bytes(bytes(100))
    (tmp_path / "other.png").write_bytes(bytes(100))
    assert list_read(table_of_file(images), LIMITS) == [images, tmp_path / "1.png"]
    faces = write_parquet_file(tmp_path / "p", []) / "faces.parquet"
    assert list_read(table_of_file(faces), LIMITS) == [faces]
    assert list(estimate_sizes([images, faces])) == [images.stat().st_size]
    (tmp_path / "broken.parquet").write_bytes(b"what")
    assert list(estimate_sizes([tmp_path / "broken.parquet"])) == [4]
