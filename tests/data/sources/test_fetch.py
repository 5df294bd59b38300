"""Archives fetched from disk, from a web server and from the fake Drive."""

import hashlib
import io
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from data.base.errors import PipelineError
from data.sources.download_failures import DownloadError, DownloadInterrupted
from data.sources.download_settings import DownloadSettings
from data.sources.fetch import FETCHERS, FetchedArchive, ProgressMeter, fetch_archive
from data.sources.source import DatasetSource, Kind, parse_source
from tests.support.fake_drive import FakeDrive, FakeFile, FakeFolder, run_fake_drive

FILE_ID = "1" * 33
FOLDER_ID = "F" * 33
FOLDER_URL = f"https://drive.google.com/drive/folders/{FOLDER_ID}"


def make_zip(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("train/happy/1.jpg"), random.Random(seed).randbytes(1_500_000))
    return buffer.getvalue()


ZIP = make_zip()
ZIP_SHA256 = hashlib.sha256(ZIP).hexdigest()


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[FakeDrive]:
    with run_fake_drive(tmp_path) as running:
        yield running


def drive_source(sha256: str = "") -> DatasetSource:
    return DatasetSource(kind="drive", location=FILE_ID, sha256=sha256)


def fetch(drive: FakeDrive, source: DatasetSource, downloads: Path, retries: int = 0) -> Path:
    return fetch_archive(source, downloads, settings=drive.settings(retries)).path


def test_pinned_file_that_is_there_costs_no_request(drive: FakeDrive, tmp_path: Path) -> None:
    drive.files[FILE_ID] = FakeFile(ZIP, behaviour="confirm")
    path = fetch(drive, drive_source(ZIP_SHA256), tmp_path / "downloads")
    assert path.read_bytes() == ZIP
    drive.requests.clear()
    again = fetch_archive(drive_source(ZIP_SHA256), tmp_path / "downloads", settings=drive.settings())
    assert again == FetchedArchive(path, transferred=False)
    assert drive.requests == []


def test_unpinned_file_is_asked_for_again(drive: FakeDrive, tmp_path: Path) -> None:
    drive.files[FILE_ID] = FakeFile(ZIP)
    fetch(drive, drive_source(), tmp_path / "downloads")
    drive.files[FILE_ID] = FakeFile(make_zip(seed=1))
    again = fetch_archive(drive_source(), tmp_path / "downloads", settings=drive.settings())
    assert again.transferred
    assert again.path.read_bytes() == make_zip(seed=1)


def test_wrong_hash_leaves_the_earlier_file_alone(drive: FakeDrive, tmp_path: Path) -> None:
    drive.files[FILE_ID] = FakeFile(ZIP)
    path = fetch(drive, drive_source(), tmp_path / "downloads")
    with pytest.raises(DownloadError, match=ZIP_SHA256) as caught:
        fetch(drive, drive_source("0" * 64), tmp_path / "downloads")
    assert caught.value.reason == "wrong_hash"
    assert path.read_bytes() == ZIP
    assert [file.name for file in (tmp_path / "downloads").iterdir() if not file.name.startswith(".")] == [path.name]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"\n<!DOCTYPE html><html>sign in</html>", "html"), (ZIP[:-100], "truncated"), (b"no archive", "truncated")],
)
def test_what_is_no_archive_is_told_apart(drive: FakeDrive, tmp_path: Path, content: bytes, reason: str) -> None:
    drive.urls["/data/faces.zip"] = FakeFile(content)
    source = DatasetSource(kind="archive", location=f"{drive.address}/data/faces.zip")
    with pytest.raises(DownloadError) as caught:
        fetch_archive(source, tmp_path / "downloads", settings=DownloadSettings())
    assert caught.value.reason == reason
    assert not list((tmp_path / "downloads").glob("*.archive*"))


def test_two_urls_of_one_name_do_not_meet(drive: FakeDrive, tmp_path: Path) -> None:
    drive.urls["/a/faces.zip"], drive.urls["/b/faces.zip"] = FakeFile(ZIP), FakeFile(make_zip(seed=1))
    paths = [
        fetch_archive(DatasetSource(kind="archive", location=f"{drive.address}/{part}/faces.zip"), tmp_path / "d").path
        for part in "ab"
    ]
    assert [path.read_bytes() for path in paths] == [ZIP, make_zip(seed=1)]


def test_interrupted_download_goes_on_in_the_next_run(drive: FakeDrive, tmp_path: Path) -> None:
    drive.files[FILE_ID] = FakeFile(ZIP, cuts=[1_000_000])
    with pytest.raises(DownloadInterrupted):
        fetch(drive, drive_source(), tmp_path / "downloads")
    assert fetch(drive, drive_source(), tmp_path / "downloads").read_bytes() == ZIP
    assert drive.requests[-1].range.startswith("bytes=")


@pytest.mark.parametrize("pin", ["", hashlib.sha256(make_zip(seed=1)[:900_000]).hexdigest()])
def test_partial_file_of_other_content_is_dropped(drive: FakeDrive, tmp_path: Path, pin: str) -> None:
    drive.files[FILE_ID] = FakeFile(ZIP, cuts=[1_400_000])
    with pytest.raises(DownloadInterrupted):
        fetch(drive, drive_source(), tmp_path / "downloads")
    shorter = io.BytesIO()
    with zipfile.ZipFile(shorter, "w") as archive:
        archive.writestr("test/sad/2.jpg", b"other")
    drive.files[FILE_ID] = FakeFile(shorter.getvalue(), etag='"2"')
    source = drive_source(hashlib.sha256(shorter.getvalue()).hexdigest() if pin else "")
    assert fetch(drive, source, tmp_path / "downloads").read_bytes() == shorter.getvalue()


def test_server_that_cannot_resume_is_asked_from_the_start(drive: FakeDrive, tmp_path: Path) -> None:
    drive.files[FILE_ID] = FakeFile(ZIP, cuts=[1_000_000], honours_range=False)
    with pytest.raises(DownloadInterrupted):
        fetch(drive, drive_source(), tmp_path / "downloads")
    assert fetch(drive, drive_source(), tmp_path / "downloads").read_bytes() == ZIP


def test_folder_with_one_archive_gives_that_archive(drive: FakeDrive, tmp_path: Path) -> None:
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"notes.txt": "2" * 33, "faces.zip": FILE_ID})
    drive.files[FILE_ID] = FakeFile(ZIP)
    source = DatasetSource(kind="drive", location=FOLDER_URL, sha256=ZIP_SHA256)
    path = fetch(drive, source, tmp_path / "downloads")
    assert path.read_bytes() == ZIP
    asked = len(drive.requests)
    fetch(drive, source, tmp_path / "downloads")
    assert len(drive.requests) == asked


def test_folder_of_images_gives_a_directory(drive: FakeDrive, tmp_path: Path) -> None:
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {}, {"train": "T" * 33})
    drive.folders["T" * 33] = FakeFolder("train", {}, {"happy": "H" * 33})
    drive.folders["H" * 33] = FakeFolder("happy", {"1.jpg": "2" * 33, "2.jpg": "3" * 33})
    drive.files["2" * 33] = FakeFile(b"one")
    drive.files["3" * 33] = FakeFile(b"two", behaviour="quota")
    source = DatasetSource(kind="drive", location=FOLDER_URL)
    with pytest.raises(DownloadError) as caught:
        fetch(drive, source, tmp_path / "downloads")
    assert caught.value.reason == "quota"
    drive.files["3" * 33] = FakeFile(b"two")
    drive.requests.clear()
    directory = fetch(drive, source, tmp_path / "downloads")
    assert (directory / "train/happy/1.jpg").read_bytes() == b"one"
    assert (directory / "train/happy/2.jpg").read_bytes() == b"two"
    assert not any("2" * 33 in request.path for request in drive.requests)


def test_resource_keys_reach_drive(drive: FakeDrive, tmp_path: Path) -> None:
    drive.files[FILE_ID] = FakeFile(ZIP, resource_key="0-zip")
    drive.files["2" * 33] = FakeFile(b"one", resource_key="0-image")
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"faces.zip": FILE_ID}, resource_key="0-folder")
    file_url = f"https://drive.google.com/file/d/{FILE_ID}/view?resourcekey=0-zip"
    folder = parse_source(f"{FOLDER_URL}?resourcekey=0-folder")
    assert fetch(drive, parse_source(file_url), tmp_path / "downloads").read_bytes() == ZIP
    assert fetch(drive, folder, tmp_path / "downloads").read_bytes() == ZIP
    drive.folders[FOLDER_ID].files = {"1.jpg": "2" * 33}
    assert (fetch(drive, folder, tmp_path / "downloads") / "1.jpg").read_bytes() == b"one"


def test_folder_that_cannot_be_pinned_or_holds_a_name_twice(drive: FakeDrive, tmp_path: Path) -> None:
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"a.zip": FILE_ID, "b.zip": "2" * 33})
    with pytest.raises(PipelineError, match="2 archives"):
        fetch(drive, DatasetSource(kind="drive", location=FOLDER_URL, sha256=ZIP_SHA256), tmp_path / "downloads")
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"a.jpg": FILE_ID, "a.jpg ": "2" * 33})
    with pytest.raises(PipelineError, match="several files named"):
        fetch(drive, DatasetSource(kind="drive", location=FOLDER_URL), tmp_path / "downloads")


def test_folder_gives_images_and_nothing_else(
    drive: FakeDrive, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    others = ["_complete.json", ".hidden.jpg", "notes.html", "page.svg", "relabel.csv", "no-ending"]
    drive.folders[FOLDER_ID] = FakeFolder(
        "Faces", dict.fromkeys(others, "9" * 33), {"train": "T" * 33, ".git": "G" * 33, "_complete.json": "J" * 33}
    )
    drive.folders["T" * 33] = FakeFolder(
        "train", {"1.JPG": "2" * 33, "_MG_1.png": "2" * 33, "_complete.json": "9" * 33}
    )
    drive.folders["G" * 33] = FakeFolder(".git", {"2.jpg": "9" * 33})
    drive.folders["J" * 33] = FakeFolder("_complete.json", {"2.jpg": "9" * 33})
    drive.files["2" * 33] = FakeFile(b"one")
    drive.files["9" * 33] = FakeFile(b'{"stage": "/home/user"}')
    with caplog.at_level("WARNING"):
        directory = fetch(drive, DatasetSource(kind="drive", location=FOLDER_URL), tmp_path / "downloads")
    written = sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
    assert written == ["train/1.JPG", "train/_MG_1.png"]
    assert not any("9" * 33 in request.path for request in drive.requests)
    assert "9 files that are not images" in caplog.text


def test_folder_without_images_and_with_long_names_is_told(drive: FakeDrive, tmp_path: Path) -> None:
    source = DatasetSource(kind="drive", location=FOLDER_URL)
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"notes.html": FILE_ID})
    with pytest.raises(PipelineError, match=r"holds no images.*notes\.html"):
        fetch(drive, source, tmp_path / "downloads")
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"n" * 300 + ".jpg": FILE_ID})
    with pytest.raises(PipelineError, match="too long"):
        fetch(drive, source, tmp_path / "downloads")


@pytest.mark.parametrize("names", [["set-20240101T000000Z-001.zip", "set-20240101T000000Z-002.zip"], ["set.zip.001"]])
def test_parts_of_an_archive_in_a_folder_are_told(drive: FakeDrive, tmp_path: Path, names: list[str]) -> None:
    drive.folders[FOLDER_ID] = FakeFolder("Faces", dict.fromkeys([*names, "notes.txt"], FILE_ID))
    with pytest.raises(PipelineError, match=r"part 1 of several|one piece of set\.zip"):
        fetch(drive, DatasetSource(kind="drive", location=FOLDER_URL), tmp_path / "downloads")


def test_one_archive_of_several_in_a_folder_is_refused_before_it_is_loaded(drive: FakeDrive, tmp_path: Path) -> None:
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"set-20240101T000000Z-002.zip": FILE_ID, "1.jpg": "2" * 33})
    drive.files[FILE_ID] = FakeFile(ZIP)
    with pytest.raises(PipelineError, match="part 2 of several"):
        fetch(drive, DatasetSource(kind="drive", location=FOLDER_URL), tmp_path / "downloads")
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"set-20240101T000000Z-001.zip": FILE_ID, "1.jpg": "2" * 33})
    path = fetch(drive, DatasetSource(kind="drive", location=FOLDER_URL), tmp_path / "downloads")
    assert path.read_bytes() == ZIP


def test_limit_of_bytes_holds_for_a_folder_as_a_whole(drive: FakeDrive, tmp_path: Path) -> None:
    ids = [str(number) * 33 for number in range(4)]
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {f"{i[0]}.jpg": i for i in ids})
    drive.files.update({i: FakeFile(bytes(1000)) for i in ids})
    settings = drive.settings().model_copy(update={"max_bytes": 3500})
    with pytest.raises(DownloadError) as caught:
        fetch_archive(DatasetSource(kind="drive", location=FOLDER_URL), tmp_path / "downloads", settings=settings)
    assert caught.value.reason == "too_large"


def test_redirect_into_this_machine_is_refused(
    drive: FakeDrive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", drive.address)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    # The proxy is for http alone, so that this connection is made directly.
    drive.urls["/faces.zip"] = FakeFile(b"", location=f"https://127.0.0.2:{drive.server_port}/secret.zip")
    source = DatasetSource(kind="archive", location="http://faces.invalid/faces.zip")
    with pytest.raises(DownloadError, match=r"leads to 127\.0\.0\.2") as caught:
        fetch_archive(source, tmp_path / "downloads", settings=DownloadSettings(retries=0))
    assert caught.value.reason == "address"


def test_secret_of_a_url_is_sent_and_not_shown(
    drive: FakeDrive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drive.urls["/faces.zip"] = FakeFile(ZIP)
    monkeypatch.setenv("FACES", f"{drive.address.replace('://', '://user:hidden@')}/faces.zip?token=abc123")
    with caplog.at_level("INFO"):
        path = fetch_archive(parse_source("env:FACES"), tmp_path / "downloads").path
    assert path.read_bytes() == ZIP
    assert "token=abc123" in drive.requests[-1].path
    assert "token=***" in caplog.text
    assert "hidden" not in caplog.text + str(path)
    assert "abc123" not in caplog.text + str(path)


def test_local_archive_stays_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "faces.zip"
    path.write_bytes(ZIP)
    source = DatasetSource(kind="archive", location=str(path), sha256=ZIP_SHA256)
    assert fetch_archive(source, tmp_path / "downloads") == FetchedArchive(path, transferred=False)
    assert not (tmp_path / "downloads").exists()


def test_local_archive_that_will_not_do(tmp_path: Path) -> None:
    path = tmp_path / "faces.zip"
    source = DatasetSource(kind="archive", location=str(path))
    with pytest.raises(PipelineError, match="not a file"):
        fetch_archive(source, tmp_path)
    path.write_bytes(ZIP[:-100])
    with pytest.raises(PipelineError, match="cut short"):
        fetch_archive(source, tmp_path)
    path.write_bytes(b"<html>")
    with pytest.raises(PipelineError, match="HTML page"):
        fetch_archive(source, tmp_path)
    path.write_bytes(ZIP)
    with pytest.raises(PipelineError, match="SHA-256"):
        fetch_archive(source.model_copy(update={"sha256": "0" * 64}), tmp_path)


def test_every_kind_of_source_is_generated_copied_or_fetched() -> None:
    assert {"sample", "folder", "table", *FETCHERS} == set(get_args(Kind))


def test_sources_without_an_archive_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="kind sample"):
        fetch_archive(DatasetSource(), tmp_path)
    with pytest.raises(PipelineError, match="share link"):
        fetch_archive(DatasetSource(kind="drive", location="short"), tmp_path)


def test_meter_reports_every_tenth_or_five_seconds() -> None:
    seconds = iter([0.0, 1.0, 2.0, 8.0, 9.0])
    told: list[tuple[int, int | None, float | None]] = []
    meter = ProgressMeter(lambda *progress: told.append(progress), clock=lambda: next(seconds))
    for bytes_done in (100, 150, 200, 220, 1000):
        meter(bytes_done, 1000)
    # 100 bytes of an earlier run do not count towards the speed.
    assert told == [(200, 1000, 16.0), (220, 1000, 52.0), (1000, 1000, 0.0)]


def test_meter_without_a_total_reports_by_time() -> None:
    seconds = iter([0.0, 4.0, 6.0])
    told: list[tuple[int, int | None, float | None]] = []
    meter = ProgressMeter(lambda *progress: told.append(progress), clock=lambda: next(seconds))
    for bytes_done in (10, 20, 30):
        meter(bytes_done, None)
    assert told == [(30, None, None)]


def test_progress_reaches_the_caller(drive: FakeDrive, tmp_path: Path) -> None:
    drive.files[FILE_ID] = FakeFile(ZIP)
    told: list[tuple[int, int | None, float | None]] = []
    fetch_archive(drive_source(), tmp_path / "d", lambda *progress: told.append(progress), drive.settings())
    assert told[-1] == (len(ZIP), len(ZIP), 0.0)


@pytest.mark.parametrize("most", [1, 4])
def test_the_limit_on_files_is_that_of_the_settings(tmp_path: Path, most: int) -> None:
    archive = tmp_path / "faces.zip"
    with zipfile.ZipFile(archive, "w") as faces:
        for number in range(3):
            faces.writestr(f"train/happy/{number}.jpg", b"face")
    source = DatasetSource(kind="archive", location=str(archive))
    settings = DownloadSettings(max_files=most)
    if most == 1:
        with pytest.raises(PipelineError, match="more than 1 files"):
            fetch_archive(source, tmp_path, settings=settings)
    else:
        assert fetch_archive(source, tmp_path, settings=settings).path == archive
