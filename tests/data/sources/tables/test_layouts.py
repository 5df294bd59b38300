"""Equal data sets out of every layout of a source."""

import random
import tarfile
from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.manifest.table import build_manifest
from data.sources.extract import copy_folder, extract_archive
from data.sources.limits import ExtractLimits
from data.sources.tables.find import table_of_file
from data.sources.tables.suffixes import is_table_name
from data.sources.tables.write import write_table
from tests.support.image_tables import LAYOUTS, draw_images, pack

LIMITS = ExtractLimits()
IMAGES = draw_images()


def triples(images: Path) -> list[tuple[str, str, str]]:
    manifest = build_manifest(images)
    assert manifest["decodable"].all()
    return sorted(zip(manifest["pixel_sha256"], manifest["label"], manifest["split"], strict=True))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str]]:
    found = triples(LAYOUTS["folders"](tmp_path_factory.mktemp("expected"), IMAGES))
    assert len(found) == len(set(found)) == len(IMAGES)
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_in_any_layout_is_the_same_data_set(tmp_path: Path, expected, layout: str) -> None:
    names = copy_folder(LAYOUTS[layout](tmp_path / "in", IMAGES), tmp_path / "out", LIMITS)
    assert triples(tmp_path / "out") == expected
    assert (names.layout, names.missing) == ("SPLIT/CLASS", ())


@pytest.mark.parametrize("below", ["", "a/b c/"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_zip_in_any_layout_is_the_same_data_set(tmp_path: Path, expected, layout: str, below: str) -> None:
    archive = pack(LAYOUTS[layout](tmp_path / "in", IMAGES), tmp_path / "faces.zip", below)
    extract_archive(archive, tmp_path / "stage/out", LIMITS)
    assert triples(tmp_path / "stage/out") == expected
    assert [path.name for path in (tmp_path / "stage").iterdir()] == ["out"], "what was unpacked for a while is left"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_archive_in_an_archive_is_the_same_data_set(tmp_path: Path, expected, layout: str) -> None:
    inner = pack(LAYOUTS[layout](tmp_path / "in", IMAGES), tmp_path / "inner.zip")
    (tmp_path / "LICENSE").write_text("free")
    with tarfile.open(tmp_path / "outer.tar.gz", "w:gz") as outer:
        outer.add(inner, "set/inner.zip")
        outer.add(tmp_path / "LICENSE", "LICENSE")
    extract_archive(tmp_path / "outer.tar.gz", tmp_path / "stage/out", LIMITS)
    assert triples(tmp_path / "stage/out") == expected
    assert [path.name for path in (tmp_path / "stage").iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("layout", "name"), [("pixels", "fer2013.csv"), ("list", "images.csv"), ("parquet file", "faces.parquet")]
)
def test_a_table_alone_is_the_same_data_set(tmp_path: Path, expected, layout: str, name: str) -> None:
    table = table_of_file(LAYOUTS[layout](tmp_path / "in", IMAGES) / name)
    write_table(table, tmp_path / "out", LIMITS)
    assert triples(tmp_path / "out") == expected


@pytest.mark.parametrize("layout", LAYOUTS)
def test_writing_twice_gives_equal_files(tmp_path: Path, layout: str) -> None:
    folder = LAYOUTS[layout](tmp_path / "in", IMAGES)
    for out in ("a", "b"):
        copy_folder(folder, tmp_path / out, LIMITS)
    trees = [
        {path.relative_to(tmp_path / out): path.read_bytes() for path in (tmp_path / out).rglob("*.png")}
        for out in ("a", "b")
    ]
    assert len(trees[0]) == len(IMAGES)
    assert trees[0] == trees[1]


@pytest.mark.parametrize("layout", ["pixels", "list", "parquet folder", "parquet file"])
def test_any_damage_of_a_table_is_an_error_of_ours(tmp_path: Path, layout: str) -> None:
    chance = random.Random(layout)
    folder = LAYOUTS[layout](tmp_path / "in", draw_images(1))
    table = next(path for path in folder.rglob("*") if is_table_name(path.name))
    whole, told = table.read_bytes(), 0
    changes = [b"", b",", b'"', b"\n", b"\0", b"\xff", b".."]
    for number in range(25):
        data = bytearray(whole)
        for position in (chance.randrange(len(data)), chance.randrange(200), chance.randrange(len(data) - 200)):
            data[position : position + chance.randrange(3)] = chance.choice(changes)
        table.write_bytes(data)
        try:
            copy_folder(folder, tmp_path / f"out{number}", LIMITS)
        except PipelineError:
            told += 1
    assert told > 0
