"""Strings that people type as a source."""

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.sources.source import DatasetSource, holds_secret, parse_drive_location, parse_source

FILE_ID = "1AbC-dEf_" + "2" * 24
PIN = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "text",
    [
        FILE_ID,
        f"https://drive.google.com/file/d/{FILE_ID}/view?usp=sharing",
        f"https://drive.google.com/file/u/0/d/{FILE_ID}/edit",
        f"drive.google.com/file/d/{FILE_ID}",
        f"https://drive.google.com/uc?export=download&id={FILE_ID}",
        f"https://drive.google.com/open?id={FILE_ID}",
        f"https://drive.usercontent.google.com/download?id={FILE_ID}&export=download&confirm=t",
        f"  {FILE_ID}\n",
    ],
)
def test_every_spelling_of_a_drive_file_is_one_source(text: str) -> None:
    assert parse_source(text) == DatasetSource(kind="drive", location=FILE_ID)


@pytest.mark.parametrize("path", ["drive/folders/{}?usp=sharing", "drive/u/1/folders/{}", "folderview?id={}"])
def test_drive_folder(path: str) -> None:
    source = parse_source("https://drive.google.com/" + path.format(FILE_ID))
    assert source == DatasetSource(kind="drive", location=f"https://drive.google.com/drive/folders/{FILE_ID}")
    item = parse_drive_location(source.location)
    assert item is not None
    assert (item.id, item.is_folder) == (FILE_ID, True)


def test_url_of_an_archive_keeps_its_query() -> None:
    url = "https://example.org/get?name=faces.zip&version=2"
    assert parse_source(url) == DatasetSource(kind="archive", location=url)


@pytest.mark.parametrize("name", ["faces.zip", "faces.tar.gz", "FACES.ZIP", "faces.tar.xz", "faces.exe"])
def test_local_archive_is_absolute_and_may_be_pinned(tmp_path: Path, monkeypatch, name: str) -> None:
    (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    source = parse_source(f"{name}#sha256={PIN.upper()}")
    assert source == DatasetSource(kind="archive", location=str(tmp_path / name), sha256=PIN)


def test_local_folder_wins_over_a_drive_id(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / FILE_ID).mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse_source(FILE_ID) == DatasetSource(kind="folder", location=str(tmp_path / FILE_ID))


@pytest.mark.parametrize("name", ["fer2013.csv", "faces.parquet", "FACES.TSV", "fer2013.csv.gz"])
def test_a_table_is_a_source(tmp_path: Path, monkeypatch, name: str) -> None:
    (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert parse_source(name) == DatasetSource(kind="table", location=str(tmp_path / name))
    with pytest.raises(PipelineError, match="only an archive can be pinned"):
        parse_source(f"{name}#sha256={PIN}")


def test_sample() -> None:
    assert parse_source("sample") == DatasetSource(kind="sample")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty source"),
        ("missing/faces.zip", "does not exist"),
        ("notes.txt", "not that of an archive or a table"),
        ("faces.xlsx", "save a sheet as CSV"),
        ("faces.tar.zst", "not that of an archive or a table"),
        ("s3://bucket/faces.zip", "http or https"),
        ("https:///faces.zip", "without a host"),
        ("http://[broken/faces.zip", "cannot read the URL"),
        ("https://drive.google.com/drive/my-drive", "no file or folder id"),
        ("https://example.org/faces.zip#sha256=12", "64 hex digits"),
        (f"sample#sha256={PIN}", "only an archive can be pinned"),
    ],
)
def test_what_cannot_be_a_source_is_refused(tmp_path: Path, monkeypatch, text: str, message: str) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "faces.tar.zst").touch()
    (tmp_path / "faces.xlsx").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match=message):
        parse_source(text)


@pytest.mark.parametrize("name", [b"face\xe9", b"face\xe9.zip", b"env:face\xe9", b"http://u:hidden@host/face\xe9.zip"])
def test_a_source_whose_name_is_not_utf8_is_refused(tmp_path: Path, monkeypatch, name: bytes) -> None:
    text = os.fsdecode(name)
    (tmp_path / os.fsdecode(b"face\xe9")).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / os.fsdecode(b"face\xe9"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACES", text.removeprefix("env:"))
    for given in (text, "env:FACES", "link"):
        with pytest.raises(PipelineError, match=r"face\\udce9.*is not UTF-8; expected.*rename") as caught:
            parse_source(given)
        assert str(caught.value).isascii()
        assert "hidden" not in str(caught.value)


PARTS = {
    "faces.zip.001": r"piece of faces\.zip.*`cat faces\.zip\.\* > faces\.zip`",
    "my faces.tar.gz.part-ab": r"`cat 'my faces\.tar\.gz'\.\*",
    "faces.tgz.aa": "piece of faces.tgz",
    "faces.z01": "one part of a zip that was split.*`zip -s 0",
    "faces-20240101T000000Z-002.zip": r"part 2 of several.*`unzip 'faces-20240101T000000Z-\*\.zip' -d FOLDER`",
    "takeout-20240101T000000Z-3-014 (1).tgz": "part 14 of several",
    "Photos-3-002.zip": "part 2 of several",
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_data_set_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    for text in (str(tmp_path / name), f"https://example.org/get/{quote(name)}?version=2"):
        with pytest.raises(PipelineError, match=PARTS[name]) as caught:
            parse_source(text)
        assert "expected" in str(caught.value)


@pytest.mark.parametrize("name", ["set-20240101T000000Z-001.zip", "set-20240101T000000Z-001", "Photos-1-001.zip"])
def test_a_first_part_is_a_data_set_unless_others_lie_beside_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch() if name.endswith(".zip") else (tmp_path / name).mkdir()
    (tmp_path / "other-20240101T000000Z-002.zip").touch()
    assert parse_source(str(tmp_path / name)).location == str(tmp_path / name)
    (tmp_path / name.replace("001", "002")).touch()
    (tmp_path / name.replace("001", "004")).touch()
    with pytest.raises(PipelineError, match=r"part 1 of several .*\(here: 1, 2, 4\).*expected all"):
        parse_source(str(tmp_path / name))


@pytest.mark.parametrize("name", ["faces-2024-002.zip", "faces.v1.zip", "faces.001.zip", "20240101T000000Z-002.tar"])
def test_other_numbers_in_a_name_mean_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert parse_source(str(tmp_path / name)).location == str(tmp_path / name)


def test_a_source_refuses_a_malformed_pin() -> None:
    with pytest.raises(ValidationError):
        DatasetSource(kind="archive", location="faces.zip", sha256="12")


SECRET_URL = "https://user:hidden@host/x.zip?token=abc123"


@pytest.mark.parametrize("text", [SECRET_URL, f"{SECRET_URL}#sha256={'0' * 64}", "http://host/x.zip?X-Amz-Signature=1"])
def test_url_with_a_secret_is_refused_with_advice(text: str) -> None:
    with pytest.raises(PipelineError, match="env:NAME") as caught:
        parse_source(text)
    assert "hidden" not in str(caught.value)
    assert "abc123" not in str(caught.value)


def test_url_with_a_secret_comes_from_the_environment_and_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACES", SECRET_URL)
    monkeypatch.setenv("OTHERS", SECRET_URL.replace("abc123", "def456"))
    source, other = parse_source(f"env:FACES#sha256={'0' * 64}"), parse_source("env:OTHERS")
    assert source.full_location == SECRET_URL
    assert source.is_remote
    assert source.sha256 == "0" * 64
    assert source.name == other.name == "https://***@host/x.zip?token=***"
    assert source.identity != other.identity
    assert source.model_dump() != other.model_dump()
    for shown in (repr(source), source.model_dump_json(), source.identity):
        assert "hidden" not in shown
        assert "abc123" not in shown


def test_any_source_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACES", "sample")
    assert parse_source("env:FACES") == DatasetSource()
    monkeypatch.setenv("FACES", "env:FACES")
    for name in ("FACES", "NOT_SET_HERE"):
        with pytest.raises(PipelineError, match="holds no source here"):
            parse_source(f"env:{name}")


def test_links_of_drive_hold_no_secret() -> None:
    link = "https://drive.google.com/file/d/1AbCdEfGhIjKlMnOpQrStUvWxYz012345/view?resourcekey=0-abc"
    assert not holds_secret(link)
    assert parse_source(link).kind == "drive"


@pytest.mark.parametrize(
    ("link", "location"),
    [
        ("file/d/{}/view?usp=sharing&resourcekey=0-a_B", "file/d/{}/view?resourcekey=0-a_B"),
        ("open?resourcekey=0-a_B&id={}", "file/d/{}/view?resourcekey=0-a_B"),
        ("drive/u/0/folders/{}?resourcekey=0-a_B&usp=sharing", "drive/folders/{}?resourcekey=0-a_B"),
        ("embeddedfolderview?id={}&resourcekey=0-a_B", "drive/folders/{}?resourcekey=0-a_B"),
    ],
)
def test_the_resource_key_of_an_old_link_of_drive_is_kept(link: str, location: str) -> None:
    source = parse_source("https://drive.google.com/" + link.format(FILE_ID))
    assert source == DatasetSource(kind="drive", location="https://drive.google.com/" + location.format(FILE_ID))
    assert parse_source(source.location) == source
    item = parse_drive_location(source.location)
    assert item is not None
    assert item.resource_key == "0-a_B"
    without = parse_source("https://drive.google.com/" + link.format(FILE_ID).replace("resourcekey=0-a_B", "x=1"))
    assert "resourcekey" not in without.location
    assert source.identity == without.identity == without.location


@pytest.mark.parametrize("key", ["", "a%26id%3D2", "0-" + "a" * 200])
def test_what_is_no_resource_key_is_dropped(key: str) -> None:
    assert parse_source(f"https://drive.google.com/open?id={FILE_ID}&resourcekey={key}").location == FILE_ID
