"""Downloads of a folder of the fake Drive that changes between an interrupted attempt and the next one."""

import io
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.sources.download_failures import DownloadError
from data.sources.fetch import fetch_archive
from data.sources.source import DatasetSource
from tests.support.fake_drive import FakeDrive, FakeFile, FakeFolder, run_fake_drive

FOLDER_ID = "F" * 33
SOURCE = DatasetSource(kind="drive", location=f"https://drive.google.com/drive/folders/{FOLDER_ID}")
OLD, OTHER, LAST = "1" * 33, "2" * 33, "9" * 33


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[FakeDrive]:
    with run_fake_drive(tmp_path) as running:
        yield running


def offer(drive: FakeDrive, names: dict[str, str], modified: dict[str, str] | None = None) -> None:
    """Offer a folder with these files, and one that is blocked by the quota as the last."""
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {**names, "z.jpg": LAST}, {}, {}, modified or {})
    drive.files |= {number: FakeFile(number.encode() * 100) for number in names.values()}
    drive.files[LAST] = FakeFile(b"last", behaviour="quota")


def interrupt(drive: FakeDrive, downloads: Path) -> None:
    with pytest.raises(DownloadError):
        fetch_archive(SOURCE, downloads, settings=drive.settings(retries=0))


def finish(drive: FakeDrive, downloads: Path) -> dict[str, bytes]:
    """Let the blocked file pass, download the rest, and return the files; nothing else is left."""
    drive.files[LAST].behaviour = "direct"
    drive.requests.clear()
    directory = fetch_archive(SOURCE, downloads, settings=drive.settings(retries=0)).path
    assert [path.name for path in downloads.iterdir() if not path.name.startswith(".")] == [directory.name]
    files = {path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*.jpg")}
    assert files.pop("z.jpg") == b"last"
    return files


def make_zip(seed: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("train/happy/1.jpg"), random.Random(seed).randbytes(1_500_000))
    return buffer.getvalue()


def asked_for(drive: FakeDrive, number: str) -> bool:
    return any(f"id={number}" in request.path for request in drive.requests)


def test_unchanged_files_arrive_once(drive: FakeDrive, tmp_path: Path) -> None:
    offer(drive, {"1.jpg": OLD, "a[1].jpg": OTHER})
    interrupt(drive, tmp_path / "d")
    assert finish(drive, tmp_path / "d") == {"1.jpg": OLD.encode() * 100, "a[1].jpg": OTHER.encode() * 100}
    assert not asked_for(drive, OLD)
    assert not asked_for(drive, OTHER)


def test_a_file_that_is_no_longer_listed_does_not_stay(drive: FakeDrive, tmp_path: Path) -> None:
    offer(drive, {"1.jpg": OLD, "2.jpg": OTHER})
    interrupt(drive, tmp_path / "d")
    offer(drive, {"2.jpg": OTHER, "3.jpg": "3" * 33})
    assert finish(drive, tmp_path / "d") == {"2.jpg": OTHER.encode() * 100, "3.jpg": b"3" * 3300}
    assert not asked_for(drive, OTHER)


@pytest.mark.parametrize("second", [(OTHER, "1/2/24"), (OLD, "3:04 PM")], ids=["another file", "another time"])
def test_a_changed_file_arrives_again(drive: FakeDrive, tmp_path: Path, second: tuple[str, str]) -> None:
    offer(drive, {"1.jpg": OLD})
    interrupt(drive, tmp_path / "d")
    number, modified = second
    offer(drive, {"1.jpg": number}, {"1.jpg": modified})
    drive.files[number] = FakeFile(b"changed")
    interrupt(drive, tmp_path / "d")
    assert finish(drive, tmp_path / "d") == {"1.jpg": b"changed"}
    assert not asked_for(drive, number)


def test_a_partial_file_of_another_file_is_not_continued(drive: FakeDrive, tmp_path: Path) -> None:
    offer(drive, {"a[1].jpg": OLD})
    drive.files[OLD] = FakeFile(b"old" * 500_000, cuts=[1_000_000])
    interrupt(drive, tmp_path / "d")
    offer(drive, {"a[1].jpg": OTHER})
    drive.files[OTHER] = FakeFile(b"new" * 500_000)
    assert finish(drive, tmp_path / "d") == {"a[1].jpg": b"new" * 500_000}


def test_a_file_may_take_the_name_of_a_folder(drive: FakeDrive, tmp_path: Path) -> None:
    offer(drive, {})
    drive.folders[FOLDER_ID].folders = {"a.jpg": "A" * 33}
    drive.folders["A" * 33] = FakeFolder("a.jpg", {"1.jpg": OLD})
    drive.files[OLD] = FakeFile(b"in a folder")
    drive.folders[FOLDER_ID].files = {}
    drive.folders["A" * 33].files |= {"2.jpg": LAST}
    interrupt(drive, tmp_path / "d")
    offer(drive, {"a.jpg": OTHER})
    assert finish(drive, tmp_path / "d") == {"a.jpg": OTHER.encode() * 100}


def test_files_without_a_listing_of_their_own_are_not_trusted(drive: FakeDrive, tmp_path: Path) -> None:
    offer(drive, {"1.jpg": OLD})
    interrupt(drive, tmp_path / "d")
    (note,) = (tmp_path / "d").glob("*.listing")
    note.write_text("{")
    finish(drive, tmp_path / "d")
    assert asked_for(drive, OLD)


@pytest.mark.parametrize("second", [OLD, OTHER])
def test_the_partial_file_of_another_archive_is_not_continued(drive: FakeDrive, tmp_path: Path, second: str) -> None:
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"faces.zip": OLD})
    drive.files[OLD] = FakeFile(make_zip(seed=0), cuts=[1_000_000])
    drive.files[OTHER] = FakeFile(make_zip(seed=1))
    interrupt(drive, tmp_path / "d")
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"faces.zip": second})
    path = fetch_archive(SOURCE, tmp_path / "d", settings=drive.settings(retries=0)).path
    assert path.read_bytes() == drive.files[second].content
    assert any(request.range for request in drive.requests[3:]) == (second == OLD)
    assert [found.name for found in (tmp_path / "d").iterdir() if not found.name.startswith(".")] == [path.name]
