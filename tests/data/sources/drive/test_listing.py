"""Folders of the fake Drive, listed over TLS."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from data.sources.download_failures import DownloadError, DownloadInterrupted
from data.sources.drive.listing import list_folder
from data.sources.source import DriveItem
from tests.support.fake_drive import FakeDrive, FakeFile, FakeFolder, run_fake_drive

FOLDER_ID = "F" * 33
FOLDER = DriveItem(FOLDER_ID, is_folder=True)


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[FakeDrive]:
    with run_fake_drive(tmp_path) as running:
        yield running


def test_folder_is_listed_at_any_depth(drive: FakeDrive) -> None:
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"notes.txt": "2" * 33}, {"train": "T" * 33})
    drive.folders["T" * 33] = FakeFolder("train", {"1.jpg": "3" * 33})
    drive.folders["T" * 33].modified = {"1.jpg": "3:04 PM"}
    assert sorted(list_folder(FOLDER, drive.settings())) == [
        ("2" * 33, "notes.txt", "", "1/2/24"),
        ("3" * 33, "train/1.jpg", "", "3:04 PM"),
    ]


def test_names_of_a_page_are_read_as_text(drive: FakeDrive) -> None:
    names = ["a & b <1>.jpg", "é漢字.png", 'quote".jpg', " spaces .jpg", "a/b\\c.jpg", "&amp;.jpg", ".."]
    drive.folders[FOLDER_ID] = FakeFolder("Faces", dict.fromkeys(names, "2" * 33))
    expected = [*names[:3], "spaces .jpg", "a_b_c.jpg", "&amp;.jpg", "_"]
    assert [file.path for file in list_folder(FOLDER, drive.settings())] == expected


def test_documents_of_google_are_left_out(drive: FakeDrive, caplog: pytest.LogCaptureFixture) -> None:
    documents = {"Labels": "spreadsheets", "Consent": "forms", "Notes": "document", "Talk": "presentation"}
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"1.jpg": "2" * 33}, {"train": "T" * 33}, documents)
    drive.folders["T" * 33] = FakeFolder("train", {}, {}, {"Sketch": "drawings", "Map": "forms"})
    assert list_folder(FOLDER, drive.settings()) == (("2" * 33, "1.jpg", "", "1/2/24"),)
    assert "holds 6 documents of Google" in caplog.text
    assert "left out: Labels, Consent, Notes, Talk, train/Sketch, ..." in caplog.text
    assert len(drive.requests) == 2
    del drive.folders[FOLDER_ID].files["1.jpg"]
    with pytest.raises(DownloadError, match=r"no files .* but documents of Google \(Labels, "):
        list_folder(FOLDER, drive.settings())


def test_folder_that_asks_for_a_sign_in_or_holds_itself(drive: FakeDrive) -> None:
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {}, {"again": FOLDER_ID})
    with pytest.raises(DownloadError, match="32 deep"):
        list_folder(FOLDER, drive.settings())
    drive.private_folders = True
    with pytest.raises(DownloadError, match="Anyone with the link") as caught:
        list_folder(FOLDER, drive.settings())
    assert caught.value.reason == "permission"


def test_resource_keys_of_folders_are_sent_and_those_of_files_returned(drive: FakeDrive) -> None:
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {}, {"train": "T" * 33}, resource_key="0-outer")
    drive.folders["T" * 33] = FakeFolder("train", {"1.jpg": "2" * 33, "2.jpg": "3" * 33}, resource_key="0-inner")
    drive.files |= {"2" * 33: FakeFile(b"x", resource_key="0-file"), "3" * 33: FakeFile(b"x")}
    listed = list_folder(FOLDER._replace(resource_key="0-outer"), drive.settings())
    assert [(file.path, file.resource_key) for file in listed] == [("train/1.jpg", "0-file"), ("train/2.jpg", "")]
    for key in ("", "0-other"):
        with pytest.raises(DownloadError, match="its resourcekey") as caught:
            list_folder(FOLDER._replace(resource_key=key), drive.settings())
        assert caught.value.reason == "permission"


def test_folder_listing_is_tried_again(drive: FakeDrive) -> None:
    drive.folders[FOLDER_ID] = FakeFolder("Faces", {"notes.txt": "2" * 33})
    drive.drops = 1
    assert list_folder(FOLDER, drive.settings(retries=1)) == (("2" * 33, "notes.txt", "", "1/2/24"),)
    drive.drops = 1
    with pytest.raises(DownloadInterrupted):
        list_folder(FOLDER, drive.settings(retries=0))


def test_folder_that_is_missing_or_empty(drive: FakeDrive) -> None:
    with pytest.raises(DownloadError) as caught:
        list_folder(FOLDER, drive.settings())
    assert caught.value.reason == "not_found"
    drive.folders[FOLDER_ID] = FakeFolder("Faces")
    with pytest.raises(DownloadError) as caught:
        list_folder(FOLDER, drive.settings())
    assert caught.value.reason == "html"


def test_slow_folder_ends_at_the_deadline(drive: FakeDrive) -> None:
    drive.folder_seconds = 5.0
    settings = drive.settings().model_copy(update={"deadline_seconds": 0.5})
    with pytest.raises(DownloadError) as caught:
        list_folder(FOLDER, settings)
    assert caught.value.reason == "deadline"
