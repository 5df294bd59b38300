"""The real gdown against the fake Drive, over TLS."""

import errno
import gzip
import pickle
import shutil
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from data.base.errors import PipelineError, TransientError
from data.sources.download import download_file, drive_file_url, find_partial
from data.sources.download_failures import DownloadError, DownloadInterrupted
from data.sources.download_settings import DownloadSettings
from data.sources.transfer_limits import TransferLimits
from tests.support.fake_drive import FakeDrive, FakeFile, run_fake_drive

FILE_ID = "1" * 33
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


def test_resource_key_is_sent(drive: FakeDrive, tmp_path: Path) -> None:
    drive.files[FILE_ID] = FakeFile(CONTENT, behaviour="confirm", cuts=[600_000], resource_key="0-a_B")
    download_file(drive_file_url(FILE_ID, "0-a_B"), tmp_path / "faces", drive.settings())
    assert (tmp_path / "faces").read_bytes() == CONTENT
    assert drive.requests[-1].range
    for key in ("", "0-other"):
        with pytest.raises(DownloadError, match="give an old link whole, with its resourcekey") as caught:
            download_file(drive_file_url(FILE_ID, key), tmp_path / "refused", drive.settings())
        assert caught.value.reason == "permission"
        assert not (tmp_path / "refused").exists()


@pytest.mark.parametrize("key", ["", "0-a_B"])
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
    drive: FakeDrive, tmp_path: Path, behaviour, reason: str, transient: bool, advice: str, key: str
) -> None:
    drive.files[FILE_ID] = FakeFile(CONTENT, behaviour=behaviour, resource_key=key)
    with pytest.raises(DownloadError, match=advice) as caught:
        download_file(drive_file_url(FILE_ID, key), tmp_path / "faces", drive.settings())
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


def fails(drive: FakeDrive, target: Path, file: FakeFile, **settings) -> DownloadError:
    drive.urls["/faces.zip"] = file
    with pytest.raises(DownloadError) as caught:
        download_file(f"{drive.address}/faces.zip", target, DownloadSettings(**settings))
    assert not isinstance(caught.value, TransientError)
    return caught.value


def test_endless_answer_is_stopped_and_nothing_is_left(drive: FakeDrive, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    error = fails(drive, tmp_path / "d/faces", FakeFile(CONTENT, endless=True), max_bytes=3_000_000)
    assert error.reason == "too_large"
    assert "EMOTION_DOWNLOAD_MAX_BYTES" in str(error)
    assert list((tmp_path / "d").iterdir()) == []


def test_answer_that_announces_too_much_is_stopped_at_its_start(drive: FakeDrive, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    told: list[int] = []
    drive.urls["/faces.zip"] = FakeFile(CONTENT)
    with pytest.raises(DownloadError, match="more than 1000000 bytes"):
        download_file(
            f"{drive.address}/faces.zip",
            tmp_path / "d/faces",
            DownloadSettings(max_bytes=1_000_000),
            lambda done, _: told.append(done),
        )
    assert told == []
    assert list((tmp_path / "d").iterdir()) == []


def test_bytes_are_counted_as_they_are_written_and_not_as_they_are_sent(drive: FakeDrive, tmp_path: Path) -> None:
    packed = gzip.compress(bytes(20_000_000))
    assert len(packed) < 100_000
    error = fails(drive, tmp_path / "faces", FakeFile(packed, encoding="gzip"), max_bytes=1_000_000)
    assert error.reason == "too_large"
    assert find_partial(tmp_path / "faces") == ()


def test_reserve_of_the_disk_is_kept(drive: FakeDrive, tmp_path: Path) -> None:
    reserve = shutil.disk_usage(tmp_path).free + (1 << 40)
    error = fails(drive, tmp_path / "faces", FakeFile(CONTENT), reserve_bytes=reserve)
    assert error.reason == "no_room"
    assert "emotion prune" in str(error)
    assert find_partial(tmp_path / "faces") == ()


def test_full_disk_is_told(drive: FakeDrive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TransferLimits, "check", no_space)
    error = fails(drive, tmp_path / "faces", FakeFile(CONTENT))
    assert error.reason == "disk"
    assert "No space left" in str(error)
    assert find_partial(tmp_path / "faces") == ()


def test_slow_answer_ends_at_the_deadline_and_can_be_continued(drive: FakeDrive, tmp_path: Path) -> None:
    started = time.monotonic()
    error = fails(drive, tmp_path / "faces", FakeFile(CONTENT, drip_seconds=0.05), deadline_seconds=1)
    assert time.monotonic() - started < 10
    assert error.reason == "deadline"
    assert "EMOTION_DOWNLOAD_DEADLINE_SECONDS" in str(error)
    drive.urls["/faces.zip"] = FakeFile(CONTENT)
    download_file(f"{drive.address}/faces.zip", tmp_path / "faces", DownloadSettings())
    assert (tmp_path / "faces").read_bytes() == CONTENT


def test_password_of_a_proxy_is_not_printed(
    drive: FakeDrive, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    drive.files[FILE_ID] = FakeFile(CONTENT)
    proxy = SecretStr(drive.address.replace("://", "://user:secret@"))
    settings = drive.settings().model_copy(update={"proxy": proxy})
    download_file(drive_file_url(FILE_ID), tmp_path / "faces", settings)
    printed = "".join(capfd.readouterr())
    assert "***@127.0.0.1" in printed
    assert "secret" not in printed + repr(settings) + settings.model_dump_json()


def test_errors_show_no_secret_of_the_url(drive: FakeDrive, tmp_path: Path) -> None:
    drive.urls["/gone.zip"] = FakeFile(CONTENT, behaviour="not_found")
    for address in (drive.address, "http://127.0.0.1:9"):
        url = f"{address.replace('://', '://user:secret@')}/gone.zip?token=abc123&download=1"
        with pytest.raises(DownloadError) as caught:
            download_file(url, tmp_path / "faces", DownloadSettings(retries=0))
        shown = "".join(traceback.format_exception(caught.value))
        assert "***" in str(caught.value)
        assert "secret@" not in shown
        assert "abc123" not in shown


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


@pytest.mark.parametrize("kind", [DownloadError, DownloadInterrupted])
def test_errors_survive_pickling(kind: type[DownloadError]) -> None:
    error = pickle.loads(pickle.dumps(kind("too many", "quota")))
    assert (type(error), str(error), error.reason) == (kind, "too many", "quota")
    assert isinstance(error, PipelineError)
