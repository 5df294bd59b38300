"""Hostile answers of Google Drive and of web servers, from the fake Drive: bounded, told apart, nothing left behind."""

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from data.sources.download_failures import DownloadError, DownloadInterrupted
from data.sources.download_settings import DownloadSettings
from data.sources.fetch import fetch_archive
from data.sources.source import DatasetSource
from tests.faults.limited_child import Case, Handled, Refused
from tests.support.fake_drive import FakeDrive, FakeFile, FakeFolder, run_fake_drive

pytestmark = pytest.mark.faults
KIND = "drive"

FILE_ID = "1" * 33
FOLDER_ID = "F" * 33
WHERE = "drive.json"
MAX_BYTES = 3_000_000

running: dict[str, FakeDrive] = {}
"""The fake Drive of the tests; it stays in their process, and the cases reach it over the network."""


@pytest.fixture(scope="module", autouse=True)
def drive(tmp_path_factory):
    with run_fake_drive(tmp_path_factory.mktemp("drive")) as started:
        running["drive"] = started
        yield started


def make_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("train/happy/1.jpg"), random.Random(0).randbytes(300_000))
    return buffer.getvalue()


ZIP = make_zip()


def fetch(kind: str, folder: Path) -> list[str]:
    """Fetch what the drive offers; return the names of what is stored. A failure leaves partial files at most."""
    where = json.loads((folder / WHERE).read_text())
    settings = DownloadSettings(
        timeout_seconds=5,
        retries=1,
        proxy=SecretStr("" if kind == "url" else where["address"]),
        ca_bundle=where["ca_bundle"],
        max_bytes=MAX_BYTES,
        deadline_seconds=4,
    )
    locations = {
        "file": FILE_ID,
        "folder": f"https://drive.google.com/drive/folders/{FOLDER_ID}",
        "url": f"{where['address']}/faces.zip",
    }
    source = DatasetSource(kind="archive" if kind == "url" else "drive", location=locations[kind])
    downloads = folder / "downloads"
    try:
        path = fetch_archive(source, downloads, settings=settings).path
    except Exception:
        whole = [path.name for path in downloads.glob("[!.]*") if "incoming" not in path.name]
        if whole or {path.name for path in folder.iterdir()} - {WHERE, "downloads"}:
            raise AssertionError(f"left behind: {whole}") from None
        raise
    found = path.rglob("*") if path.is_dir() else [path]
    names = sorted(one.relative_to(downloads).as_posix() for one in found)
    return ["archive of the URL"] if kind == "url" else names  # its name holds a digest of the address


def case(name: str, kind: str, offer: Callable[[FakeDrive], object], expected: Refused | Handled) -> Case:
    def prepare(folder: Path) -> None:
        drive = running["drive"]
        for offered in (drive.files, drive.folders, drive.urls):
            offered.clear()
        drive.drops, drive.folder_seconds = 0, 0.0
        offer(drive)
        where = {"address": drive.address, "ca_bundle": str(drive.ca_bundle)}
        (folder / WHERE).write_text(json.dumps(where))

    return Case(f"{kind}: {name}", prepare, partial(fetch, kind), expected)


def file(content: bytes = ZIP, **treated) -> Callable[[FakeDrive], None]:
    def offer(drive: FakeDrive) -> None:
        drive.files[FILE_ID] = drive.urls["/faces.zip"] = FakeFile(content, **treated)

    return offer


def folder(names: dict[str, str], **more) -> Callable[[FakeDrive], None]:
    """Return a function that offers a folder whose files all have the content `x`."""

    def offer(drive: FakeDrive) -> None:
        drive.folders[FOLDER_ID] = FakeFolder("Faces", names, more.get("folders", {}))
        drive.folders["T" * 33] = FakeFolder("..", {"1.jpg": "5" * 33})
        drive.files["5" * 33] = FakeFile(b"x")
        for number in names.values():
            drive.files[number] = FakeFile(b"x")

    return offer


def folder_in_itself(drive: FakeDrive) -> None:
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {}, {"again": FOLDER_ID})


def slow_folder(drive: FakeDrive) -> None:
    folder({"1.jpg": "2" * 33})(drive)
    drive.folder_seconds = 8.0


def in_folder(*names: str) -> Handled:
    return Handled([f"drive-{FOLDER_ID}.folder/{name}" for name in names])


def drops(number: int) -> Callable[[FakeDrive], None]:
    def offer(drive: FakeDrive) -> None:
        file()(drive)
        drive.drops = number

    return offer


DRIVE_ARCHIVE = Handled([f"drive-{FILE_ID}.archive"])
PAGE_AS_ZIP = file(b"<!doctype html><html>", content_type="application/zip")
URL_ARCHIVE = Handled(["archive of the URL"])

REFUSALS = {
    "quota": Refused("24 hours", DownloadError),
    "quota_after_confirm": Refused("24 hours", DownloadError),
    "sign_in": Refused("Anyone with the link", DownloadError),
    "forbidden": Refused("Anyone with the link", DownloadError),
    "not_found": Refused("Check the id", DownloadError),
    "html": Refused("in a browser", DownloadError),
    "server_error": Refused("status 500", DownloadInterrupted),
}
LOCAL_ADDRESSES = ["http://127.0.0.1:9/x", "http://[::1]:9/x", "http://169.254.169.254/latest/", "http://10.0.0.1/x"]
OURS_ONLY = Refused("no images and not one archive")

CASES = [
    *(case(behaviour, "file", file(behaviour=behaviour), end) for behaviour, end in REFUSALS.items()),
    *(
        case(f"answer of {behaviour}", "url", file(behaviour=behaviour), REFUSALS[behaviour])
        for behaviour in ("forbidden", "not_found")
    ),
    case("confirmation", "file", file(behaviour="confirm"), DRIVE_ARCHIVE),
    case("one lost connection to the proxy", "file", drops(1), Refused("network connection", DownloadInterrupted)),
    case("one lost connection", "url", drops(1), URL_ARCHIVE),
    case("no answer at all", "file", drops(99), Refused("network connection", DownloadInterrupted)),
    case("endless", "file", file(endless=True), Refused("EMOTION_DOWNLOAD_MAX_BYTES", DownloadError)),
    case("endless zeros", "url", file(bytes(65_536), endless=True), Refused("EMOTION_DOWNLOAD_MAX_BYTES")),
    case("announces too much", "file", file(bytes(4_000_000)), Refused("EMOTION_DOWNLOAD_MAX_BYTES")),
    case("gzip of 100 MB", "url", file(gzip.compress(bytes(100 << 20)), encoding="gzip"), Refused("MAX_BYTES")),
    case("gzip that is none", "url", file(ZIP, encoding="gzip"), Refused("faces.zip", DownloadError)),
    case("a byte a second", "file", file(drip_seconds=1.0), Refused("EMOTION_DOWNLOAD_DEADLINE", DownloadError)),
    case("silence", "file", file(stalls=[9.0, 9.0, 9.0]), Refused("", DownloadError)),
    case("cut short twice", "file", file(cuts=[1000, 2000]), Refused("did not arrive whole", DownloadInterrupted)),
    case("cut short once", "file", file(cuts=[1000]), DRIVE_ARCHIVE),
    case("HTML with the type of a zip", "file", PAGE_AS_ZIP, Refused("HTML page", DownloadError)),
    case("half an archive as a whole", "file", file(ZIP[:1000]), Refused("not a complete archive", DownloadError)),
    case("noise", "url", file(random.Random(1).randbytes(5000)), Refused("not a complete archive", DownloadError)),
    case("empty", "url", file(b""), Refused("not a complete archive", DownloadError)),
    *(
        case(f"redirect to {address}", "file", file(location=address), Refused("", DownloadError))
        for address in LOCAL_ADDRESSES
    ),
    case("redirect to itself", "url", file(location="/faces.zip"), Refused("", DownloadError)),
    case("redirect to a local file", "url", file(location="file:///etc/passwd"), Refused("", DownloadError)),
    case("redirect to another protocol", "file", file(location="gopher://x/"), Refused("", DownloadError)),
    case("name that leads out", "file", file(name="../../evil.zip"), DRIVE_ARCHIVE),
    case("name with a line break", "file", file(name="a\r\nX: y"), DRIVE_ARCHIVE),
    case("name with script", "file", file(name="<script>alert(1)</script>.zip"), DRIVE_ARCHIVE),
    case("name that leads out", "folder", folder({"../1.jpg": "2" * 33}), OURS_ONLY),
    case("name of four parents", "folder", folder({"../../../../1.jpg": "2" * 33}), OURS_ONLY),
    case("absolute name", "folder", folder({"/etc/1.jpg": "2" * 33}), in_folder("_etc_1.jpg")),
    case("name of 300 bytes", "folder", folder({f"{'n' * 300}.jpg": "2" * 33}), Refused("too long")),
    case("folder that leads out", "folder", folder({}, folders={"..": "T" * 33}), in_folder("_", "_/1.jpg")),
    case("record of a stage alone", "folder", folder({"_complete.json": "2" * 33}), OURS_ONLY),
    case("hidden files alone", "folder", folder({".1.jpg": "2" * 33, ".env": "3" * 33}), OURS_ONLY),
    case("one name twice", "folder", folder({"1.jpg": "2" * 33, "1.jpg ": "3" * 33}), Refused("rename all but one")),
    case("record and image", "folder", folder({"_complete.json": "2" * 33, "1.jpg": "3" * 33}), in_folder("1.jpg")),
    case("folder in itself", "folder", folder_in_itself, Refused("", DownloadError)),
    case("empty folder", "folder", folder({}), Refused("in a browser", DownloadError)),
    case("slow folder", "folder", slow_folder, Refused("EMOTION_DOWNLOAD_DEADLINE", DownloadError)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_answer_is_taken_or_refused(case, check):
    check(case)
