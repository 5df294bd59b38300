"""What of a source is the data set: folders, a table, or an archive inside."""

import zipfile
from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.base.names import ClassNames
from data.sources.extract import copy_folder, extract_archive, list_copied, list_sizes
from data.sources.limits import ExtractLimits
from tests.support.image_tables import LAYOUTS, draw_images, pack, write_folders, write_list, write_pixels, write_rows

LIMITS = ExtractLimits()
IMAGES = draw_images(1)


def copied(folder: Path, classes: ClassNames = ClassNames()) -> set[str]:
    out = folder.with_name(f"{folder.name}.out")
    copy_folder(folder, out, LIMITS, classes)
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def test_folders_of_classes_count_before_a_table_beside_them(tmp_path: Path) -> None:
    write_folders(tmp_path / "in", IMAGES)
    rows = [(f"{image.split}/{image.label}/{number}.png", "sad") for number, image in enumerate(IMAGES)]
    write_rows(tmp_path / "in/labels.csv", [("path", "label"), *rows])
    assert {name.split("/")[1] for name in copied(tmp_path / "in") - {"labels.csv"}} == {
        image.label for image in IMAGES
    }


def test_a_list_counts_before_folders_that_are_no_classes(tmp_path: Path) -> None:
    for split, classes in (("train", ClassNames()), ("part", ClassNames(()))):
        folder = tmp_path / split
        rows = []
        for number, image in enumerate(IMAGES):
            name = f"{split}{number % 2}/{number}.png" if split == "part" else f"train/images/{number}.png"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(image.png)
            rows.append((name, image.label, image.split))
        write_rows(folder / "images.csv", [("path", "label", "split"), *rows])
        assert {tuple(name.split("/")[:2]) for name in copied(folder, classes)} == {
            (image.split, image.label) for image in IMAGES
        }


def test_a_table_that_is_none_leaves_folders_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "in/train/rage").mkdir(parents=True)
    (tmp_path / "in/train/rage/1.png").write_bytes(IMAGES[0].png)
    write_rows(tmp_path / "in/notes.csv", [("a", "b")])
    (tmp_path / "in/broken.csv").write_bytes(b"\xff\xfe")
    expected = {"train/rage/1.png", "notes.csv", "broken.csv"}
    assert copied(tmp_path / "in") == expected
    extract_archive(pack(tmp_path / "in", tmp_path / "in.zip"), tmp_path / "out", LIMITS)
    assert {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")} == expected


def test_of_several_tables_the_one_with_splits_nearest_to_the_top_counts(tmp_path: Path) -> None:
    """As in the archive of the challenge: icml_face_data.csv holds what train.csv and test.csv hold in parts."""
    write_pixels(tmp_path / "in/set", IMAGES).joinpath("fer2013.csv").rename(tmp_path / "in/set/icml_face_data.csv")
    write_rows(tmp_path / "in/set/train.csv", [("emotion", "pixels"), ("3", "1 2")])
    write_rows(tmp_path / "in/set/test.csv", [("pixels",), ("1 2",)])
    write_rows(tmp_path / "in/set/more/old.csv", [("emotion", "pixels", "Usage"), ("3", "1 2", "Training")])
    assert len(copied(tmp_path / "in")) == len(IMAGES)
    write_pixels(tmp_path / "in/set", IMAGES)
    with pytest.raises(PipelineError, match=r"more than one table of images: set/fer2013.csv, set/icml_face_data.csv"):
        copied(tmp_path / "in")


def test_a_csv_and_parquet_are_refused_together(tmp_path: Path) -> None:
    write_pixels(LAYOUTS["parquet file"](tmp_path / "in", IMAGES), IMAGES)
    with pytest.raises(PipelineError, match=r"more than one table of images: fer2013.csv, faces.parquet"):
        copied(tmp_path / "in")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("faces.csv", b"id,name\n1,x\n", "has the columns id, name; expected emotion and pixels; or path and label"),
        ("fer2013new.csv", b"Usage,Image name,neutral,happiness,unknown,NF\n", r"the votes of FER\+ and no images"),
        ("faces.csv", b"\xff\xfe", "is no text in UTF-8"),
        ("faces.xlsx", b"PK", "is a spreadsheet; save its sheet as CSV"),
        ("notes.txt", b"x", "or a table of images"),
    ],
)
def test_what_is_no_table_is_told(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / "in/set").mkdir(parents=True)
    (tmp_path / "in/set" / name).write_bytes(content)
    with pytest.raises(PipelineError, match=said):
        copied(tmp_path / "in")
    archive = pack(tmp_path / "in", tmp_path / "faces.zip")
    with pytest.raises(PipelineError, match=said) as caught:
        extract_archive(archive, tmp_path / "stage/out", LIMITS)
    assert str(archive) in str(caught.value)
    assert ".unpacked" not in str(caught.value)
    assert not list((tmp_path / "stage").glob("*"))


def test_files_of_a_table_are_listed_for_the_key(tmp_path: Path) -> None:
    folder = write_list(tmp_path / "in", IMAGES)
    (folder / "faces/other.png").write_bytes(b"x")
    names = {"images.csv", *(f"faces/{number}.png" for number in range(len(IMAGES)))}
    assert list_copied(folder, LIMITS) == {name: folder / name for name in names}
    (folder / "images.csv").unlink()
    write_pixels(folder, IMAGES)
    assert list_copied(folder, LIMITS) == {"fer2013.csv": folder / "fer2013.csv"}


def test_sizes_of_what_is_unpacked_for_a_while_count_twice(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"train/sad/1.png": b"1" * 10, "notes.csv": b"a"})
    assert list_sizes(archive, LIMITS) == [10, 1]
    assert list_sizes(write_zip(tmp_path / "b.zip", {"images.csv": b"path,label"}), LIMITS) == [10, 10]


def test_an_archive_is_looked_into_once_and_only_if_it_is_alone(tmp_path: Path) -> None:
    write_folders(tmp_path / "in", IMAGES)
    inner = pack(tmp_path / "in", tmp_path / "inner.zip").read_bytes()
    one = write_zip(tmp_path / "one.zip", {"inner.zip": inner, "README": b"x"})
    extract_archive(one, tmp_path / "out", LIMITS)
    assert len(list((tmp_path / "out").rglob("*.png"))) == len(IMAGES)
    for files in (
        {"one.zip": one.read_bytes()},
        {"a.zip": inner, "b.zip": inner},
        {"a.zip": inner, "b": bytes(2 << 20)},
    ):
        archive = write_zip(tmp_path / "other.zip", files)
        with pytest.raises(PipelineError, match="no folder named as a split"):
            extract_archive(archive, tmp_path / "other", ExtractLimits(max_ratio=10_000))


def test_limits_hold_for_the_archive_inside(tmp_path: Path) -> None:
    """A bomb in a bomb: each archive alone has a ratio that is allowed."""
    files = {f"train/sad/{number}.png": bytes(50_000) for number in range(60)}
    inner = write_zip(tmp_path / "inner.zip", files)
    outer = write_zip(tmp_path / "outer.zip", {"inner.zip": inner.read_bytes()})
    assert 3_000_000 / inner.stat().st_size < 400 < 3_000_000 / outer.stat().st_size
    for limits, said in (
        (ExtractLimits(max_ratio=400), "more than 400 times its size"),
        (ExtractLimits(max_ratio=10_000, max_files=59), "more than 59 files"),
        (ExtractLimits(max_ratio=10_000, max_total_bytes=2_999_999), "more than 2999999 bytes"),
    ):
        with pytest.raises(PipelineError, match=said) as caught:
            extract_archive(outer, tmp_path / "stage/out", limits)
        assert str(outer / "inner.zip") in str(caught.value)
        assert not list((tmp_path / "stage").iterdir())
    extract_archive(outer, tmp_path / "stage/out", ExtractLimits(max_ratio=10_000, max_files=60))
    assert len(list((tmp_path / "stage/out").rglob("*.png"))) == 60


def test_a_damaged_archive_inside_is_told(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "outer.zip", {"inner.zip": b"PK what"})
    with pytest.raises(PipelineError, match=r"outer.zip/inner.zip cannot be read as a zip or tar"):
        extract_archive(archive, tmp_path / "out", LIMITS)
