"""Archives and folders, honest and hostile."""

import bz2
import gzip
import io
import lzma
import os
import random
import re
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from data.sources.archives.entries import ArchiveUnreadable
from data.sources.extract import (
    ExtractLimits,
    check_archive,
    copy_folder,
    extract_archive,
    list_copied,
)
from data.sources.folder_names import describe_names

FILES = {
    "train/happy/1.jpg": b"a" * 100,
    "train/sad/2.jpg": b"b" * 100,
    "validation/happy/3.jpg": b"c" * 100,
    "test/sad/4.jpg": b"d" * 100,
}
LIMITS = ExtractLimits()
REAL = PROJECT_ROOT.parent / "shared" / "data" / "Facial_emotion_images.zip"


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # pyright: ignore[reportArgumentType, reportCallIssue]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return path


def read_tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def below(prefix: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{prefix}{name}": content for name, content in files.items()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("prefix", ["", "./", "Facial_emotion_images/", "a/b c/d/"])
def test_root_of_a_tar_is_found_at_any_depth(tmp_path: Path, mode: str, prefix: str) -> None:
    archive = write_tar(tmp_path / "faces.any", below(prefix, FILES), mode)
    check_archive(archive)
    extract_archive(archive, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == FILES


@pytest.mark.parametrize("prefix", ["", "Facial_emotion_images/", "a/b c/d/"])
def test_root_of_a_zip_is_found_at_any_depth(tmp_path: Path, prefix: str) -> None:
    archive = write_zip(tmp_path / "faces.any", below(prefix, FILES))
    check_archive(archive)
    extract_archive(archive, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == FILES


def test_root_of_a_folder_is_found(tmp_path: Path) -> None:
    copy_folder(write_folder(tmp_path / "in", below("a/b/", FILES)), tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == FILES


STUBS = {"program of Windows": b"MZ" + bytes(5000), "program": b"\x7fELF" + bytes(200_000), "script": b"#!/bin/sh\n"}


@pytest.mark.parametrize("stub", STUBS.values(), ids=list(STUBS))
def test_a_zip_that_unpacks_itself_is_read(tmp_path: Path, stub: bytes) -> None:
    archive = write_zip(tmp_path / "faces.exe", below("faces/", FILES))
    archive.write_bytes(stub + archive.read_bytes())
    check_archive(archive)
    extract_archive(archive, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == FILES
    with pytest.raises(PipelineError, match="EMOTION_MAX_FILES"):
        extract_archive(archive, tmp_path / "more", ExtractLimits(max_files=3))
    archive.write_bytes(stub + bytes(5000))
    with pytest.raises(ArchiveUnreadable, match="as a zip or tar"):
        check_archive(archive)


def test_a_tar_that_begins_and_ends_like_a_zip_is_a_tar(tmp_path: Path) -> None:
    zipped = write_zip(tmp_path / "other.zip", {"notes.txt": b"x"}).read_bytes()
    files = {"PK.txt": b"x", **FILES, "other.zip": zipped}
    archive = write_tar(tmp_path / "faces.tar", files)
    assert zipfile.is_zipfile(archive)
    extract_archive(archive, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == files


def test_backslashes_of_windows_separate_folders(tmp_path: Path) -> None:
    names = {name.replace("/", "\\"): content for name, content in below("faces/", FILES).items()}
    archive = write_zip(tmp_path / "faces.zip", {"faces\\": b"", "faces\\train\\": b"", **names})
    extract_archive(archive, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == FILES


def test_litter_and_what_stands_beside_the_root_stay_out(tmp_path: Path) -> None:
    litter = {
        "__MACOSX/set/train/happy/._1.jpg": b"x",
        "set/.DS_Store": b"x",
        "set/train/happy/Thumbs.db": b"x",
        "set/train/desktop.ini": b"x",
        "set/train/sad/._2.jpg": b"x",
        "set/train/sad/.ipynb_checkpoints/2-checkpoint.jpg": b"x",
        "set/train/.git/HEAD": b"x",
        "set/train/sad/Icon\r": b"x",
        "README.txt": b"x",
    }
    inside = {"set/extra/notes.txt": b"kept", "set/train/LICENSE": b"kept"}
    files = {**litter, **below("set/", FILES), **inside}
    expected = {**FILES, "extra/notes.txt": b"kept", "train/LICENSE": b"kept"}
    for number, write in enumerate((write_zip, write_tar)):
        extract_archive(write(tmp_path / f"{number}.any", files), tmp_path / f"out{number}", LIMITS)
        assert read_tree(tmp_path / f"out{number}") == expected
    copy_folder(write_folder(tmp_path / "in", files), tmp_path / "copied", LIMITS)
    assert read_tree(tmp_path / "copied") == expected


def test_one_split_is_enough(tmp_path: Path) -> None:
    extract_archive(write_zip(tmp_path / "a.zip", {"x/test/sad/1.jpg": b"a"}), tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == {"test/sad/1.jpg": b"a"}
    with pytest.raises(PipelineError, match="no folder named as a split"):
        extract_archive(write_zip(tmp_path / "b.zip", {"photos/sad/1.jpg": b"a"}), tmp_path / "b", LIMITS)


OTHER_NAMES = {
    "Training/Happiness/1.jpg": b"a" * 100,
    "Training/ SAD/2.jpg": b"b" * 100,
    "PublicTest/joy/3.jpg": b"c" * 100,
    "testing/sadness/4.jpg": b"d" * 100,
}


def test_usual_names_of_splits_and_classes_are_read_and_said(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "faces.zip", {**below("set/", OTHER_NAMES), "set/val/Angry/5.jpg": b"e"})
    names = extract_archive(archive, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == {**FILES, "validation/Angry/5.jpg": b"e"}
    assert describe_names(names) == (
        " SAD was read as sad (1)",
        "Happiness was read as happy (1)",
        "PublicTest was read as validation (1)",
        "Training was read as train (2)",
        "joy was read as happy (1)",
        "sadness was read as sad (1)",
        "testing was read as test (1)",
        "val was read as validation (1)",
    )


@pytest.mark.parametrize("files", [FILES, OTHER_NAMES])
def test_classes_with_splits_in_them_are_read(tmp_path: Path, files: dict[str, bytes]) -> None:
    turned = {"/".join([name.split("/")[1], name.split("/")[0], name.split("/")[2]]): files[name] for name in files}
    turned |= {"set.txt": b"x"}
    folder = write_folder(tmp_path / "in", below("set/", {**turned, "angry/train/5.jpg": b"e"}))
    names = copy_folder(folder, tmp_path / "out", LIMITS)
    assert names.layout == "CLASS/SPLIT"
    assert read_tree(tmp_path / "out") == {**FILES, "train/angry/5.jpg": b"e", "set.txt": b"x"}


def test_two_folders_that_mean_the_same_become_one_unless_a_file_is_in_both(tmp_path: Path) -> None:
    two = {**FILES, "val/Happy/5.jpg": b"e", "valid/happy/6.jpg": b"f"}
    names = extract_archive(write_zip(tmp_path / "a.zip", two), tmp_path / "out", LIMITS)
    assert {"validation/happy/3.jpg", "validation/happy/5.jpg", "validation/happy/6.jpg"} < set(
        read_tree(tmp_path / "out")
    )
    assert [one.name for one in names.renamed] == ["Happy", "val", "valid"]
    both = {**FILES, "val/happy/3.jpg": b"other"}
    with pytest.raises(PipelineError, match=r"validation/happy/3.jpg and val/happy/3.jpg, whose folders mean the same"):
        extract_archive(write_zip(tmp_path / "b.zip", both), tmp_path / "b", LIMITS)
    assert not (tmp_path / "b").exists()


def test_root_has_the_most_splits_and_ties_are_refused(tmp_path: Path) -> None:
    nested = {"train/happy/train/5.jpg": b"e", **FILES}
    extract_archive(write_zip(tmp_path / "a.zip", nested), tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == nested
    two = {**below("old/", FILES), **below("new/", FILES)}
    with pytest.raises(PipelineError, match="more than one data set: new, old"):
        extract_archive(write_zip(tmp_path / "b.zip", two), tmp_path / "b", LIMITS)


@pytest.mark.parametrize(
    "name",
    [
        "../train/happy/9.jpg",
        "train/../../9.jpg",
        "__MACOSX/../../9.jpg",
        "/train/happy/9.jpg",
        "\\train\\happy\\9.jpg",
        "..\\9.jpg",
        "C:\\train\\9.jpg",
        "C:train/9.jpg",
        "train/happy/9\n.jpg",
        f"train/happy/{'9' * 300}.jpg",
    ],
)
@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, write: Callable[..., Path], name: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    archive = write(tmp_path / "faces.any", {**FILES, name: b"x"})
    with pytest.raises(PipelineError, match="expected plain image files"):
        extract_archive(archive, home / "out", LIMITS)
    assert list(home.iterdir()) == []


def add_special(archive: Path, name: str, kind: bytes, target: str = "") -> None:
    with tarfile.open(archive, "a") as opened:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        opened.addfile(member)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_among_the_images_of_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = write_tar(tmp_path / "faces.tar", FILES)
    add_special(archive, "train/happy/9.jpg", kind, "/etc/passwd")
    with pytest.raises(PipelineError, match=r"train/happy/9.jpg is a link or a device"):
        extract_archive(archive, tmp_path / "out", LIMITS)


def test_links_and_devices_beside_the_root_change_nothing(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "faces.tar", below("set/", FILES))
    add_special(archive, "latest", tarfile.SYMTYPE, "/etc/passwd")
    add_special(archive, "pipe", tarfile.FIFOTYPE)
    extract_archive(archive, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == FILES
    folder = write_folder(tmp_path / "in", below("set/", FILES))
    (folder / "latest").symlink_to("/etc")
    copy_folder(folder, tmp_path / "copied", LIMITS)
    assert read_tree(tmp_path / "copied") == FILES


def test_a_link_beside_the_splits_is_left_out_with_a_line_in_the_log(tmp_path: Path, caplog) -> None:
    archive = write_tar(tmp_path / "faces.tar", FILES)
    add_special(archive, "latest", tarfile.SYMTYPE, "train")
    extract_archive(archive, tmp_path / "out", LIMITS)
    folder = write_folder(tmp_path / "in", FILES)
    (folder / "latest").symlink_to("train")
    copy_folder(folder, tmp_path / "copied", LIMITS)
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "copied") == FILES
    assert caplog.text.count("latest is a link or a device beside the splits, and is left out") == 2


@pytest.mark.parametrize("name", ["validation", "Testing", "train/angry"])
def test_a_link_that_may_hold_images_is_refused(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path / "in", {key: data for key, data in FILES.items() if not key.startswith("valid")})
    (folder / name).symlink_to(tmp_path)
    with pytest.raises(PipelineError, match=f"{name} is a link or a device"):
        copy_folder(folder, tmp_path / "out", LIMITS)


def test_without_splits_a_link_may_be_a_class_and_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in", {f"{label}/1.jpg": b"x" for label in ("happy", "sad", "neutral")})
    (folder / "surprise").symlink_to(tmp_path)
    with pytest.raises(PipelineError, match="surprise is a link or a device"):
        copy_folder(folder, tmp_path / "out", LIMITS)


def test_a_hard_link_in_a_tar_has_the_content_of_the_file_before_it(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "faces.tar", below("set/", FILES))
    add_special(archive, "set/test/sad/9.jpg", tarfile.LNKTYPE, "set/train/happy/1.jpg")
    extract_archive(archive, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == {**FILES, "test/sad/9.jpg": FILES["train/happy/1.jpg"]}


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "set/train/happy/later.jpg", "beside.jpg", "set/train"])
def test_a_hard_link_to_anything_else_is_refused(tmp_path: Path, target: str) -> None:
    archive = write_tar(tmp_path / "faces.tar", {"beside.jpg": b"x", **below("set/", FILES)})
    add_special(archive, "set/test/sad/9.jpg", tarfile.LNKTYPE, target)
    with pytest.raises(PipelineError, match="expected plain image files"):
        extract_archive(archive, tmp_path / "out", LIMITS)


def test_bytes_of_hard_links_count(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "faces.tar", FILES)
    for number in range(20):
        add_special(archive, f"test/sad/{number}.png", tarfile.LNKTYPE, "train/happy/1.jpg")
    extract_archive(archive, tmp_path / "out", ExtractLimits(max_total_bytes=2400))
    with pytest.raises(PipelineError, match="EMOTION_MAX_TOTAL_BYTES"):
        extract_archive(archive, tmp_path / "more", ExtractLimits(max_total_bytes=2399))


def test_a_workspace_in_the_folder_is_left_out(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in", FILES)
    write_folder(folder / "workspace", {"emotion_workspace.json": b"{}", **below("images/0123/", FILES)})
    copy_folder(folder, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == FILES


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "faces.zip", FILES)
    with zipfile.ZipFile(archive, "a") as opened:
        info = zipfile.ZipInfo("train/happy/9.jpg")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(info, "/etc/passwd")
    with pytest.raises(PipelineError, match="a link or a device"):
        extract_archive(archive, tmp_path / "out", LIMITS)


@pytest.mark.parametrize("name", ["train/happy/9.jpg", "test/more"])
def test_links_in_a_folder_are_refused(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path / "in", FILES)
    outside = write_folder(tmp_path / "outside", {"secret.jpg": b"x"})
    (folder / name).symlink_to(outside if name == "test/more" else outside / "secret.jpg")
    with pytest.raises(PipelineError, match="a link or a device"):
        copy_folder(folder, tmp_path / "out", LIMITS)
    assert not (tmp_path / "out").exists()


def test_what_is_copied_of_a_folder_can_be_listed_first(tmp_path: Path) -> None:
    litter = {"README.txt": b"x", "set/.DS_Store": b"x", "set/train/._1.jpg": b"x"}
    folder = write_folder(tmp_path / "in", {**below("set/", FILES), **litter})
    listed = list_copied(folder, LIMITS)
    assert {name: path.read_bytes() for name, path in listed.items()} == FILES
    with pytest.raises(PipelineError, match="EMOTION_MAX_TOTAL_BYTES"):
        list_copied(folder, ExtractLimits(max_total_bytes=399))


LATIN = {**FILES, os.fsdecode(b"train/sad/face\xe9.jpg"): b"e" * 100, os.fsdecode(b"test/\xff/\xfe.jpg"): b"f"}
LATIN_WRITTEN = {**FILES, "train/sad/face%E9.jpg": b"e" * 100, "test/%FF/%FE.jpg": b"f"}


def test_names_that_are_not_utf8_are_written_with_escaped_bytes(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in", below("set/", LATIN))
    copy_folder(folder, tmp_path / "copied", LIMITS)
    assert read_tree(tmp_path / "copied") == LATIN_WRITTEN
    assert {name: path.read_bytes() for name, path in list_copied(folder, LIMITS).items()} == LATIN_WRITTEN
    for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(tmp_path / "faces.tar", "w", format=kind) as archive:
            archive.add(folder / "set", "set")
        add_special(
            tmp_path / "faces.tar", "set/test/sad/9.jpg", tarfile.LNKTYPE, os.fsdecode(b"set/test/\xff/\xfe.jpg")
        )
        extract_archive(tmp_path / "faces.tar", tmp_path / str(kind), LIMITS)
        assert read_tree(tmp_path / str(kind)) == {**LATIN_WRITTEN, "test/sad/9.jpg": b"f"}


@pytest.mark.parametrize("name", ["train/sad/face%E9.jpg", os.fsdecode(b"train/sad/face\xe9.jpg")])
def test_two_names_that_are_one_when_escaped_are_refused(tmp_path: Path, name: str) -> None:
    both = {**LATIN, name: b"x"} if "%" in name else {"train/sad/face%E9.jpg": b"x", **LATIN}
    folder = write_folder(tmp_path / "in", both)
    archive = write_tar(tmp_path / "faces.tar", both)
    for refused in (
        lambda: copy_folder(folder, tmp_path / "out", LIMITS),
        lambda: list_copied(folder, LIMITS),
        lambda: extract_archive(archive, tmp_path / "out", LIMITS),
    ):
        with pytest.raises(PipelineError, match=r"both be written as train/sad/face%E9.jpg"):
            refused()
    assert not (tmp_path / "out").exists()


def test_a_zip_whose_name_is_not_the_utf8_that_it_declares_is_told(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "faces.zip", {**FILES, "train/sad/fac\u0153.jpg": b"x"})
    archive.write_bytes(archive.read_bytes().replace("\u0153".encode(), b"e\xe9"))
    with pytest.raises(ArchiveUnreadable, match=r"the name train/sad/face%E9.jpg to be UTF-8"):
        extract_archive(archive, tmp_path / "out", LIMITS)


def test_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="not a folder"):
        copy_folder(tmp_path / "missing", tmp_path / "out", LIMITS)


def test_limits_of_files_and_bytes_hold_at_their_edge(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "faces.tar", FILES)
    extract_archive(archive, tmp_path / "out", ExtractLimits(max_files=4, max_total_bytes=400))
    with pytest.raises(PipelineError, match="EMOTION_MAX_FILES"):
        extract_archive(archive, tmp_path / "a", ExtractLimits(max_files=3))
    with pytest.raises(PipelineError, match="EMOTION_MAX_TOTAL_BYTES"):
        extract_archive(archive, tmp_path / "b", ExtractLimits(max_total_bytes=399))
    with pytest.raises(PipelineError, match="EMOTION_MAX_FILES"):
        copy_folder(tmp_path / "out", tmp_path / "c", ExtractLimits(max_files=3))
    assert not any((tmp_path / name).exists() for name in "abc")


@pytest.mark.parametrize("write", [write_zip, lambda path, files: write_tar(path, files, "w:gz")])
def test_bombs_are_refused(tmp_path: Path, write: Callable[..., Path]) -> None:
    archive = write(tmp_path / "bomb.any", {"train/happy/1.jpg": bytes(4 << 20)})
    with pytest.raises(PipelineError, match="EMOTION_MAX_RATIO"):
        extract_archive(archive, tmp_path / "out", LIMITS)
    extract_archive(archive, tmp_path / "out", ExtractLimits(max_ratio=10_000))
    assert (tmp_path / "out/train/happy/1.jpg").stat().st_size == 4 << 20


def test_zip_that_lies_about_a_size_is_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "faces.zip", {"train/happy/1.jpg": bytes(1 << 20)})
    true_size = (1 << 20).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(true_size, (10).to_bytes(4, "little")))
    with pytest.raises(ArchiveUnreadable):
        extract_archive(archive, tmp_path / "out", LIMITS)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_methods_without_a_bound_are_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "faces.zip", "w", method) as archive:
        archive.writestr("train/happy/1.jpg", b"x")
    with pytest.raises(PipelineError, match="pack the archive again"):
        extract_archive(tmp_path / "faces.zip", tmp_path / "out", LIMITS)


def patch_zip(archive: Path, entry_offset: int, value: int) -> Path:
    """Change a number of 16 bits of each entry, at an offset in the table of contents, and where the entry begins."""
    content = bytearray(archive.read_bytes())
    for mark, offset in ((b"PK\x01\x02", entry_offset), (b"PK\x03\x04", entry_offset - 2)):
        for found in re.finditer(re.escape(mark), bytes(content)):
            content[found.start() + offset : found.start() + offset + 2] = value.to_bytes(2, "little")
    archive.write_bytes(content)
    return archive


METHODS = {
    9: "Deflate64, as Windows Explorer does",
    12: "bzip2",
    14: "LZMA",
    93: "Zstandard",
    98: "PPMd",
    77: "a method without a usual name",
}


@pytest.mark.parametrize(("method", "name"), METHODS.items())
def test_methods_of_zip_that_are_not_read_are_named(tmp_path: Path, method: int, name: str) -> None:
    archive = patch_zip(write_zip(tmp_path / "faces.zip", FILES), 10, method)
    said = rf"compressed with {name}.*\(method {method} of zip\); expected Deflate .* give the folder as the source"
    for read in (check_archive, lambda path: extract_archive(path, tmp_path / "out", LIMITS)):
        with pytest.raises(PipelineError, match=said) as caught:
            read(archive)
        assert not isinstance(caught.value, ArchiveUnreadable)


FEATURES = {"version 6.4": (6, 64), "patched": (8, 0x20), "encryption": (8, 0x40)}


@pytest.mark.parametrize("said", FEATURES)
def test_features_of_zip_that_are_not_read_are_named(tmp_path: Path, said: str) -> None:
    archive = patch_zip(write_zip(tmp_path / "faces.zip", FILES), *FEATURES[said])
    with pytest.raises(ArchiveUnreadable, match=f"{said}.*; expected a zip with Deflate.* give the folder as the"):
        extract_archive(archive, tmp_path / "out", LIMITS)


def make_zip_parts(archive: Path) -> dict[str, bytes]:
    whole = archive.read_bytes()
    large = b"PK\x06\x07" + struct.pack("<LQL", 2, 0, 3)
    return {
        "first": b"PK\x07\x08" + whole[:300],
        "last": whole[300:-22] + struct.pack("<4s4H2LH", b"PK\x05\x06", 2, 2, 4, 4, 200, 0, 0),
        "last of more than 4 GiB": whole[300:-22] + large + whole[-22:-18] + b"\xff\xff\xff\xff" + whole[-14:],
    }


@pytest.mark.parametrize("part", ["first", "last", "last of more than 4 GiB"])
def test_a_part_of_a_split_zip_is_told(tmp_path: Path, part: str) -> None:
    archive = write_zip(tmp_path / "faces.zip", FILES)
    archive.write_bytes(make_zip_parts(archive)[part])
    for read in (check_archive, lambda path: extract_archive(path, tmp_path / "out", LIMITS)):
        with pytest.raises(PipelineError, match=r"one part of a zip that was split; expected.*`zip -s 0") as caught:
            read(archive)
        assert not isinstance(caught.value, ArchiveUnreadable)


@pytest.mark.parametrize(
    ("piece", "said"), [(slice(300), "its end is missing, as in the first"), (slice(300, None), "first 300 bytes are")]
)
def test_a_piece_of_a_zip_is_told(tmp_path: Path, piece: slice, said: str) -> None:
    archive = write_zip(tmp_path / "faces.zip", FILES)
    archive.write_bytes(archive.read_bytes()[piece])
    with pytest.raises(ArchiveUnreadable, match=f"{said}.*piece of a split archive.*get the archive again"):
        check_archive(archive)


def pax_member(name: str, records: dict[str, str], kind: bytes = tarfile.XHDTYPE, content: bytes = b"x") -> bytes:
    """Return the bytes of a tar's file behind a PAX header that says whatever `records` say."""
    lines = [f" {key}={value}\n".encode() for key, value in records.items()]
    body = b"".join(str(len(line) + len(str(len(line) + 3))).encode() + line for line in lines)
    header, member = tarfile.TarInfo("PaxHeaders/1"), tarfile.TarInfo(name)
    header.type, header.size, member.size = kind, len(body), len(content)
    pieces = [header.tobuf(tarfile.USTAR_FORMAT), body, member.tobuf(tarfile.USTAR_FORMAT), content]
    return b"".join(piece + bytes(-len(piece) % tarfile.BLOCKSIZE) for piece in pieces)


@pytest.mark.parametrize(
    "records",
    [
        {"GNU.sparse.size": "-9000000000", "GNU.sparse.numblocks": "0"},
        {"GNU.sparse.size": "6400000000", "GNU.sparse.map": "0,1"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "5"},
        {"GNU.sparse.size": "many"},
        {"size": "-1024"},
    ],
)
def test_sparse_and_negative_sizes_in_a_tar_are_refused(tmp_path: Path, records: dict[str, str]) -> None:
    hostile = pax_member("train/happy/0.jpg", records, content=b"1\n0\n1\n".ljust(512, b"\0"))
    large = pax_member("train/happy/1.jpg", {"GNU.sparse.size": "6400000000", "GNU.sparse.map": "0,1"})
    for name, members in (("first", hostile + large), ("alone", hostile), ("later", pax_member("a", {}) + hostile)):
        (tmp_path / name).write_bytes(members + bytes(1024))
        with pytest.raises(PipelineError, match=r"sparse file|-1024 bytes|is damaged"):
            extract_archive(tmp_path / name, tmp_path / "out", LIMITS)
    assert not (tmp_path / "out").exists()


def test_old_sparse_member_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("train/happy/1.jpg")
    member.type = tarfile.GNUTYPE_SPARSE
    (tmp_path / "faces.tar").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(PipelineError, match="sparse"):
        extract_archive(tmp_path / "faces.tar", tmp_path / "out", LIMITS)


def test_bytes_are_counted_as_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that gives more than it declares is stopped, whatever let its size through."""
    archive = write_tar(tmp_path / "faces.tar", {"train/happy/1.jpg": b"a" * 5000})
    monkeypatch.setattr(tarfile.TarFile, "extractfile", lambda *_: io.BytesIO(bytes(50 << 20)))
    with pytest.raises(PipelineError, match="has not the 5000 bytes"):
        extract_archive(archive, tmp_path / "out", LIMITS)
    assert (tmp_path / "out/train/happy/1.jpg").stat().st_size == 0


def test_usual_descriptions_of_a_tar_are_read(tmp_path: Path) -> None:
    name = f"train/happy/{'n' * 200}.jpg"
    for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(tmp_path / "faces.tar", "w", format=kind, pax_headers={"comment": "a commit"}) as archive:
            member = tarfile.TarInfo(name)
            member.mtime = 1.5
            archive.addfile(member)
        extract_archive(tmp_path / "faces.tar", tmp_path / str(kind), LIMITS)
        assert read_tree(tmp_path / str(kind)) == {name: b""}


def test_xz_of_several_streams_is_read_and_its_memory_is_bounded(tmp_path: Path) -> None:
    whole = write_tar(tmp_path / "faces.tar", FILES).read_bytes()
    halves = lzma.compress(whole[:700]) + bytes(8) + lzma.compress(whole[700:])
    (tmp_path / "faces.tar.xz").write_bytes(halves)
    extract_archive(tmp_path / "faces.tar.xz", tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == FILES
    # The field of an LZMA2 filter that says how large the window is: 40 means 4 GiB.
    start = halves.index(b"\x21\x01") + 2
    header = bytearray(halves[12 : 12 + (halves[12] + 1) * 4])
    header[start - 12] = 40
    header[-4:] = zlib.crc32(header[:-4]).to_bytes(4, "little")
    (tmp_path / "faces.tar.xz").write_bytes(halves[:12] + header + halves[12 + len(header) :])
    with pytest.raises(PipelineError, match="MiB of memory"):
        extract_archive(tmp_path / "faces.tar.xz", tmp_path / "bomb", LIMITS)


def test_folders_count_as_entries(tmp_path: Path) -> None:
    names = {f"train/{number}/": b"" for number in range(20)}
    with pytest.raises(PipelineError, match="files and folders"):
        extract_archive(write_zip(tmp_path / "a.zip", {**names, **FILES}), tmp_path / "a", ExtractLimits(max_files=20))
    deep = {f"train/{number}/{'d/' * 28}1.jpg": b"" for number in range(40)}
    with pytest.raises(PipelineError, match="more than 1000 files and folders"):
        extract_archive(write_zip(tmp_path / "b.zip", deep), tmp_path / "b", ExtractLimits(max_files=40))


def test_table_of_a_zip_is_bounded_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = write_zip(tmp_path / "faces.zip", FILES)
    monkeypatch.setattr(zipfile, "ZipInfo", None)  # an object that zipfile makes of each entry
    with pytest.raises(PipelineError, match="EMOTION_MAX_FILES"):
        extract_archive(archive, tmp_path / "out", ExtractLimits(max_files=3))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("train/" + "train/" * 40 + "1.jpg", "folders deep"),
        ("train/" + "d" * 200 + ("/" + "d" * 200) * 24, "more than 1024"),
        ("train/" + "e" * 200_000, "..."),
    ],
)
@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_names_have_bounds(tmp_path: Path, write: Callable[..., Path], name: str, said: str) -> None:
    if write is write_zip and len(name) > 65_535:
        name = name[:65_000]
    archive = write(tmp_path / "faces.any", {**FILES, name: b"x"})
    with pytest.raises(PipelineError, match=said if write is write_zip else f"{said}|8192 bytes") as caught:
        extract_archive(archive, tmp_path / "out", LIMITS)
    assert len(str(caught.value)) < 500 + len(str(tmp_path))


def test_path_that_is_too_long_for_the_disk_is_told(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "faces.zip", {"train/happy/" + "n" * 200 + ".jpg": b"x"})
    out = tmp_path
    while len(str(out)) < 3900:
        out = out / ("d" * min(200, max(1, 3900 - len(str(out)))))
    with pytest.raises(PipelineError, match="EMOTION_WORKSPACE to a shorter path"):
        extract_archive(archive, out, LIMITS)
    with pytest.raises(PipelineError, match="EMOTION_WORKSPACE to a shorter path"):
        extract_archive(archive, out / ("e" * 190), LIMITS)


def test_more_roots_than_a_data_set_has_are_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {f"{number}/train/1.jpg": b"" for number in range(1001)})
    with pytest.raises(PipelineError, match="more than 1000 folders"):
        extract_archive(archive, tmp_path / "out", LIMITS)


def bomb_of_one_header(path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("header")
    member.type, member.size = kind, 400 << 20
    packer = bz2.BZ2Compressor()
    with path.open("wb") as file:
        file.write(packer.compress(member.tobuf(tarfile.USTAR_FORMAT)))
        for _ in range(400):
            file.write(packer.compress(b"1" * (1 << 20)))
        file.write(packer.flush())


def bomb_of_folders(path: Path) -> None:
    member = tarfile.TarInfo("folder")
    member.type = tarfile.DIRTYPE
    path.write_bytes(bz2.compress(member.tobuf() * 60_000))


def bomb_of_records(path: Path) -> None:
    """Write a PAX header whose records lie in one another: 4,000 keywords of up to 8,000 bytes."""
    body = b"2 " * 3_700 + b"k=v\n"
    member = tarfile.TarInfo("header")
    member.type, member.size = tarfile.XHDTYPE, len(body)
    padding = bytes(-len(body) % tarfile.BLOCKSIZE)
    path.write_bytes(member.tobuf(tarfile.USTAR_FORMAT) + body + padding + tarfile.TarInfo("train/1").tobuf())


def bomb_of_a_zip_entry(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("train/1.jpg", "w") as file:
        for _ in range(400):
            file.write(bytes(1 << 20))
    path.write_bytes(path.read_bytes().replace((400 << 20).to_bytes(4, "little"), (1000).to_bytes(4, "little")))


def many_entries(path: Path) -> None:
    write_zip(path, {f"train/happy/{number:06d}.jpg": b"" for number in range(20_000)})


MEASURE = """
import resource, sys
from pathlib import Path
from data.base.errors import PipelineError
from data.sources.extract import check_archive, extract_archive, list_sizes
from data.sources.limits import ExtractLimits
resource.setrlimit(resource.RLIMIT_AS, (450 << 20, 450 << 20))  # 200 MB and what Python and pydantic map at the start
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for use in (check_archive, lambda path: list_sizes(path, ExtractLimits(max_files=50_000)),
            lambda path: extract_archive(path, Path(sys.argv[2]), ExtractLimits(max_files=50_000))):
    try:
        use(Path(sys.argv[1]))
    except PipelineError as error:
        print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize(
    "write",
    [
        lambda path: bomb_of_one_header(path, tarfile.XHDTYPE),
        lambda path: bomb_of_one_header(path, tarfile.XGLTYPE),
        lambda path: bomb_of_one_header(path, tarfile.GNUTYPE_LONGNAME),
        lambda path: bomb_of_one_header(path, tarfile.GNUTYPE_LONGLINK),
        bomb_of_folders,
        bomb_of_records,
        bomb_of_a_zip_entry,
        many_entries,
    ],
    ids=["pax", "global pax", "long name", "long link", "folders", "records", "zip entry", "many entries"],
)
def test_memory_is_bounded_whatever_the_archive(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "bomb.any"
    write(path)
    command = [sys.executable, "-c", MEASURE, str(path), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT_ROOT, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) < 200


def test_encrypted_zip_is_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "faces.zip", FILES)
    with zipfile.ZipFile(archive) as opened:
        start = opened.start_dir
    content = bytearray(archive.read_bytes())
    content[start + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(PipelineError, match="password"):
        extract_archive(archive, tmp_path / "out", LIMITS)


def cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(byte ^ 0xFF for byte in content[middle : middle + 64]) + content[middle + 64 :]


@pytest.mark.parametrize("damage", [cut, flip])
@pytest.mark.parametrize("mode", ["zip", "w:gz", "w:bz2", "w:xz"])
def test_damaged_archives_are_told(tmp_path: Path, mode: str, damage: Callable[[bytes], bytes]) -> None:
    noise = {**FILES, "train/happy/1.jpg": random.Random(1).randbytes(200_000)}
    path = tmp_path / "faces.any"
    archive = write_zip(path, noise) if mode == "zip" else write_tar(path, noise, mode)
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(ArchiveUnreadable, match="get the archive again"):
        extract_archive(archive, tmp_path / "out", LIMITS)


@pytest.mark.parametrize(("mode", "compress"), [("w:gz", gzip.compress), ("w:xz", lzma.compress)])
def test_a_checksum_behind_the_last_entry_is_compared(tmp_path: Path, mode: str, compress: Callable) -> None:
    archive = write_tar(tmp_path / "faces.any", FILES, mode)
    archive.write_bytes(archive.read_bytes()[:-6])
    with pytest.raises(ArchiveUnreadable):
        check_archive(archive)
    whole = write_tar(tmp_path / "faces.tar", FILES).read_bytes()
    archive.write_bytes(compress(whole + bytes(1 << 20)))
    check_archive(archive)
    archive.write_bytes(compress(whole + bytes(17 << 20)))
    with pytest.raises(PipelineError, match="more than 16 MiB behind the end mark"):
        check_archive(archive)


@pytest.mark.parametrize("blocks", [2, 3, 4, 7])
def test_plain_tar_cut_at_a_block_is_told(tmp_path: Path, blocks: int) -> None:
    archive = write_tar(tmp_path / "faces.tar", FILES)
    archive.write_bytes(archive.read_bytes()[: blocks * tarfile.BLOCKSIZE])
    with pytest.raises(ArchiveUnreadable):
        check_archive(archive)


def test_plain_tar_with_a_broken_header_is_told(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "faces.tar", FILES)
    content = bytearray(archive.read_bytes())
    content[2 * tarfile.BLOCKSIZE] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(ArchiveUnreadable, match="end mark"):
        check_archive(archive)


@pytest.mark.parametrize(
    "content", [b"", b"neither", b"PK\x03\x04", gzip.compress(b"no tar", mtime=0), bz2.compress(b"no tar")]
)
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "faces.zip"
    path.write_bytes(content)
    with pytest.raises(ArchiveUnreadable):
        check_archive(path)


def test_later_of_two_equal_names_counts(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "faces.tar", {"./train/happy/1.jpg": b"old", "train/happy/1.jpg": b"new"})
    extract_archive(archive, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == {"train/happy/1.jpg": b"new"}


def test_names_never_replace_one_another(tmp_path: Path) -> None:
    clash = {"train/happy/1.jpg": b"a", "train/happy/1.jpg/2.jpg": b"b"}
    with pytest.raises(PipelineError, match="cannot both be written"):
        extract_archive(write_zip(tmp_path / "a.zip", clash), tmp_path / "out", LIMITS)
    archive = write_zip(tmp_path / "b.zip", {"train/happy/1.jpg": b"a"})
    extract_archive(archive, tmp_path / "b", LIMITS)
    with pytest.raises(PipelineError, match="cannot both be written"):
        extract_archive(archive, tmp_path / "b", LIMITS)


@pytest.mark.parametrize("pack", ["zip", "tar", "w:gz"])
def test_any_corruption_is_an_error_of_ours(tmp_path: Path, pack: str) -> None:
    """Damage random bytes many times: the archive unpacks or is refused, and nothing else is raised."""
    path = tmp_path / "faces.any"
    archive = write_zip(path, FILES) if pack == "zip" else write_tar(path, FILES, "w" if pack == "tar" else pack)
    whole = archive.read_bytes()
    generator = random.Random(7)
    refused = 0
    for trial in range(150):
        content = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            content[generator.randrange(len(content))] = generator.randrange(256)
        archive.write_bytes(content)
        try:
            extract_archive(archive, tmp_path / str(trial), LIMITS)
        except PipelineError:
            refused += 1
    assert refused > 10


@pytest.mark.shared_data
@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL.name} is not in ../shared/data")
def test_real_archive_has_the_published_counts(tmp_path: Path) -> None:
    extract_archive(REAL, tmp_path / "out", LIMITS)
    counts = {split: len(list((tmp_path / "out" / split).rglob("*.jpg"))) for split in ("train", "validation", "test")}
    assert counts == {"train": 15109, "validation": 4977, "test": 128}
