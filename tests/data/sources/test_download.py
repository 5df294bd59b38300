"""The real gdown against the fake Drive, over TLS."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from data.base.errors import PipelineError, TransientError
from data.sources.download import DownloadSettings, download_file, drive_file_url, find_partial, list_folder
from data.sources.download_failures import DownloadError, DownloadInterrupted
from tests.support.fake_drive import FakeDrive, FakeFile, FakeFolder, run_fake_drive

FILE_ID = "1" * 33
FOLDER_ID = "F" * 33
CONTENT = bytes(range(256)) * 8192


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[FakeDrive]:
    with run_fake_drive(tmp_path) as running:
        yield running


def download(drive: FakeDrive, target: Path, retries: int = 2) -> None:
    download_file(drive_file_url(FILE_ID), target, drive.settings(retries))


def test_small_file_arrives_with_progress(drive: FakeDrive, tmp_path: Path) -> None:
    drive.files[FILE_ID] = FakeFile(CONTENT)
    told: list[tuple[int, int | None]] = []
    download_file(
        drive_file_url(FILE_ID), tmp_path / "faces", drive.settings(), lambda done, total: told.append((done, total))
    )
    assert (tmp_path / "faces").read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert len(told) > 1


def test_large_file_is_confirmed(drive: FakeDrive, tmp_path: Path) -> None:
    drive.files[FILE_ID] = FakeFile(CONTENT, behaviour="confirm")
    download(drive, tmp_path / "faces")
    assert (tmp_path / "faces").read_bytes() == CONTENT
    assert [request.host for request in drive.requests] == ["drive.google.com", "drive.usercontent.google.com"]


def test_no_cookies_are_stored(drive: FakeDrive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    drive.files[FILE_ID] = FakeFile(CONTENT, behaviour="confirm")
    download(drive, tmp_path / "faces")
    drive.requests.clear()
    download(drive, tmp_path / "again")
    assert drive.requests[0].cookie == ""
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("behaviour", "reason", "transient", "advice"),
    [
        ("quota", "quota", False, "24 hours"),
        ("quota_after_confirm", "quota", False, "24 hours"),
        ("sign_in", "permission", False, "Anyone with the link"),
        ("forbidden", "permission", False, "Anyone with the link"),
        ("not_found", "not_found", False, "Check the id"),
        ("html", "html", False, "in a browser"),
        ("server_error", "network", True, "status 500"),
    ],
)
def test_refusals_are_told_apart(
    drive: FakeDrive, tmp_path: Path, behaviour, reason: str, transient: bool, advice: str
) -> None:
    drive.files[FILE_ID] = FakeFile(CONTENT, behaviour=behaviour)
    with pytest.raises(DownloadError, match=advice) as caught:
        download(drive, tmp_path / "faces")
    assert caught.value.reason == reason
    assert isinstance(caught.value, TransientError) == transient
    assert not (tmp_path / "faces").exists()


def test_dropped_connection_goes_on_where_it_broke(drive: FakeDrive, tmp_path: Path) -> None:
    drive.files[FILE_ID] = FakeFile(CONTENT, cuts=[600_000])
    download(drive, tmp_path / "faces")
    assert (tmp_path / "faces").read_bytes() == CONTENT
    offset = int(drive.requests[-1].range.removeprefix("bytes=").removesuffix("-"))
    assert 0 < offset <= 600_000


def test_connection_faults_are_tried_again_and_no_more_than_asked(drive: FakeDrive, tmp_path: Path) -> None:
    drive.urls["/faces.zip"] = FakeFile(CONTENT)
    url, settings = f"{drive.address}/faces.zip", DownloadSettings(retries=1)
    drive.drops = 2
    with pytest.raises(DownloadInterrupted):
        download_file(url, tmp_path / "faces", settings)
    assert len(drive.requests) == 2
    drive.drops = 1
    download_file(url, tmp_path / "faces", settings)
    assert (tmp_path / "faces").read_bytes() == CONTENT


def test_silent_server_is_given_up_and_tried_again(drive: FakeDrive, tmp_path: Path) -> None:
    drive.urls["/faces.zip"] = FakeFile(CONTENT, stalls=[4.0])
    settings = DownloadSettings(timeout_seconds=1, retries=3)
    download_file(f"{drive.address}/faces.zip", tmp_path / "faces", settings)
    assert (tmp_path / "faces").read_bytes() == CONTENT
    assert len(drive.requests) >= 2


def test_cut_short_file_is_kept_and_continued(drive: FakeDrive, tmp_path: Path) -> None:
    drive.files[FILE_ID] = FakeFile(CONTENT, cuts=[1_000_000])
    with pytest.raises(DownloadInterrupted) as caught:
        download(drive, tmp_path / "faces", retries=0)
    assert caught.value.reason == "truncated"
    (partial,) = find_partial(tmp_path / "faces")
    kept = partial.stat().st_size
    assert 0 < kept <= 1_000_000
    download(drive, tmp_path / "faces", retries=0)
    assert drive.requests[-1].range == f"bytes={kept}-"
    assert (tmp_path / "faces").read_bytes() == CONTENT
    assert find_partial(tmp_path / "faces") == ()


def test_no_network_is_transient(tmp_path: Path) -> None:
    with pytest.raises(DownloadInterrupted, match="network connection") as caught:
        download_file("http://127.0.0.1:9/faces.zip", tmp_path / "faces", DownloadSettings(retries=1))
    assert caught.value.reason == "network"


def test_untrusted_certificate_names_the_setting(drive: FakeDrive, tmp_path: Path) -> None:
    settings = DownloadSettings(proxy=SecretStr(drive.address), timeout_seconds=30)
    with pytest.raises(DownloadError, match="ca_bundle") as caught:
        download_file(drive_file_url(FILE_ID), tmp_path / "faces", settings)
    assert not isinstance(caught.value, TransientError)


@pytest.mark.parametrize(("status", "reason"), [("forbidden", "permission"), ("not_found", "not_found")])
def test_plain_server_refusals(drive: FakeDrive, tmp_path: Path, status, reason: str) -> None:
    drive.urls["/faces.zip"] = FakeFile(CONTENT, behaviour=status)
    with pytest.raises(DownloadError) as caught:
        download_file(f"{drive.address}/faces.zip", tmp_path / "faces", DownloadSettings())
    assert caught.value.reason == reason


def test_folder_is_listed_at_any_depth(drive: FakeDrive) -> None:
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"notes.txt": "2" * 33}, {"train": "T" * 33})
    drive.folders["T" * 33] = FakeFolder("train", {"1.jpg": "3" * 33})
    assert sorted(list_folder(FOLDER_ID, drive.settings())) == [("2" * 33, "notes.txt"), ("3" * 33, "train/1.jpg")]


def test_folder_listing_is_tried_again(drive: FakeDrive) -> None:
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"notes.txt": "2" * 33})
    drive.drops = 1
    assert list_folder(FOLDER_ID, drive.settings(retries=1)) == (("2" * 33, "notes.txt"),)
    drive.drops = 1
    with pytest.raises(DownloadInterrupted):
        list_folder(FOLDER_ID, drive.settings(retries=0))


def test_folder_that_is_missing_or_empty(drive: FakeDrive) -> None:
    with pytest.raises(DownloadError) as caught:
        list_folder(FOLDER_ID, drive.settings())
    assert caught.value.reason == "not_found"
    drive.folders[FOLDER_ID] = FakeFolder("Faces")
    with pytest.raises(DownloadError) as caught:
        list_folder(FOLDER_ID, drive.settings())
    assert caught.value.reason == "html"


@pytest.mark.parametrize("kind", [DownloadError, DownloadInterrupted])
def test_errors_survive_pickling(kind: type[DownloadError]) -> None:
    error = pickle.loads(pickle.dumps(kind("too many", "quota")))
    assert (type(error), str(error), error.reason) == (kind, "too many", "quota")
    assert isinstance(error, PipelineError)
