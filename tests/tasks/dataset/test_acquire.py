"""Images of any source in the workspace."""

from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from data.base.errors import PipelineError
from data.base.names import ClassNames
from data.manifest.table import build_manifest
from data.sources.download_settings import DownloadSettings
from data.sources.limits import ExtractLimits
from data.sources.source import parse_source
from data.workspace.layout import IMAGES_FOLDER
from data.workspace.store import Produced, Workspace
from tasks.dataset import acquire
from tasks.dataset.acquire import acquire_images, load_folder_names
from tasks.support.outcomes import record_of
from tests.support.image_tables import LAYOUTS, draw_images, pack, write_rows

IMAGES = draw_images(1)
FILES = {"pixels": "fer2013.csv", "list": "images.csv", "parquet file": "faces.parquet"}


@pytest.fixture
def get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that acquires a source, with tasks that run as plain functions."""
    for name in ("download_archive", "unpack_images", "copy_images", "read_images"):
        monkeypatch.setattr(acquire, name, getattr(acquire, name).fn)
    workspace = Workspace(tmp_path / "workspace")

    def run(path: Path, classes: ClassNames = ClassNames()) -> Produced:
        with disable_run_logger():
            settings = DownloadSettings()
            return record_of(acquire_images(parse_source(str(path)), classes, workspace, settings, ExtractLimits()))

    return run


def triples(images: Produced) -> list[tuple[str, str, str]]:
    manifest = build_manifest(images.path / IMAGES_FOLDER)
    return sorted(zip(manifest["pixel_sha256"], manifest["label"], manifest["split"], strict=True))


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "folders"])
def test_every_layout_is_the_same_data_set_for_the_next_stage(tmp_path: Path, get, layout: str) -> None:
    expected = triples(get(LAYOUTS["folders"](tmp_path / "folders", IMAGES)))
    folder = LAYOUTS[layout](tmp_path / "in", IMAGES)
    sources = [folder, pack(folder, tmp_path / "faces.zip")] + ([folder / FILES[layout]] if layout in FILES else [])
    for source in sources:
        images = get(source)
        assert triples(images) == expected
        assert {path.name for path in images.path.iterdir()} >= {IMAGES_FOLDER}
        assert load_folder_names(images).missing == ()
        assert get(source).cached


def test_a_table_is_read_again_if_it_or_an_image_of_it_changed(tmp_path: Path, get) -> None:
    folder = LAYOUTS["list"](tmp_path / "in", IMAGES)
    first = get(folder / "images.csv")
    (folder / "notes.txt").write_text("no part of it")
    assert get(folder / "images.csv").key == first.key
    (folder / "faces/0.png").write_bytes(IMAGES[1].png)
    changed = get(folder / "images.csv")
    assert changed.key != first.key
    assert get(folder / "images.csv", ClassNames(())).key != changed.key


def test_nothing_remains_of_a_table_that_is_refused(tmp_path: Path, get) -> None:
    path = write_rows(tmp_path / "fer2013.csv", [("emotion", "pixels"), ("3", IMAGES[0].levels), ("3", "1 2")])
    with pytest.raises(PipelineError, match="row 2 has 2 pixels"):
        get(path)
    assert not [found for found in (tmp_path / "workspace").rglob("*") if found.suffix == ".png"]
