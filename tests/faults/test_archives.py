"""Hostile archives: what leads elsewhere, is no plain file, costs too much or is damaged is refused."""

import bz2
import gzip
import io
import lzma
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from data.sources.archives.entries import ArchiveUnreadable
from data.sources.extract import extract_archive
from data.sources.limits import ExtractLimits
from tests.data.sources.test_extract import (
    FILES,
    below,
    bomb_of_a_zip_entry,
    bomb_of_folders,
    bomb_of_one_header,
    bomb_of_records,
    cut,
    flip,
    many_entries,
    pax_member,
    write_tar,
    write_zip,
)
from tests.faults.limited_child import Case, Handled, Refused

pytestmark = pytest.mark.faults
KIND = "archives"

INPUT = "faces.any"
LIMITS = ExtractLimits(max_files=50_000)
NAMES = sorted(FILES)
MANY = [f"train/happy/{number:06d}.jpg" for number in range(20_000)]
NOISE = {**FILES, "train/happy/1.jpg": random.Random(1).randbytes(200_000)}
DAMAGED = Refused("get the archive again", ArchiveUnreadable)
ELSEWHERE = Refused("expected plain image files")


def unpack(folder: Path) -> list[str]:
    """Unpack the archive and return the names of its files; whatever happens, nothing is written beside `out`."""
    try:
        extract_archive(folder / INPUT, folder / "out", LIMITS)
    finally:
        beside = {path.name for path in folder.iterdir()} - {INPUT, "out"}
        if beside:
            raise AssertionError(f"written beside the directory: {beside}")
    out = folder / "out"
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def case(name: str, write: Callable[[Path], Any], expected: Refused | Handled) -> Case:
    return Case(name, lambda folder: write(folder / INPUT), unpack, expected)


def named(name: str, packer: Callable[..., Path]) -> Callable[[Path], Path]:
    return lambda path: packer(path, {**FILES, name: b"x"})


def tar_of_type(kind: bytes, path: Path) -> None:
    write_tar(path, FILES)
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo("train/happy/9.jpg")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)


def link_then_file_through_it(path: Path) -> None:
    write_tar(path, FILES)
    with tarfile.open(path, "a") as archive:
        link = tarfile.TarInfo("train/way")
        link.type, link.linkname = tarfile.SYMTYPE, "../../.."
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("train/way/9.jpg"))


def zip_link(path: Path) -> None:
    write_zip(path, FILES)
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("train/happy/9.jpg")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")


def encrypted(path: Path) -> None:
    write_zip(path, FILES)
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
    content = bytearray(path.read_bytes())
    content[start + 8] |= 1
    path.write_bytes(content)


def method(number: int, path: Path) -> None:
    with zipfile.ZipFile(path, "w", number) as archive:
        archive.writestr("train/happy/1.jpg", bytes(1000))


def pax(records: dict[str, str], path: Path) -> None:
    path.write_bytes(pax_member("train/happy/0.jpg", records, content=b"1\n0\n1\n".ljust(512, b"\0")) + bytes(1024))


def old_sparse(path: Path) -> None:
    member = tarfile.TarInfo("train/happy/1.jpg")
    member.type = tarfile.GNUTYPE_SPARSE
    path.write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))


def deflate_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("train/happy/1.jpg", "w") as file:
        for _ in range(300):
            file.write(bytes(1 << 20))


def tar_bomb(compress: Callable[[bytes], bytes], path: Path) -> None:
    member = tarfile.TarInfo("train/happy/1.jpg")
    member.size = 200 << 20
    path.write_bytes(compress(member.tobuf() + bytes(member.size) + bytes(1024)))


def nested_bomb(path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train/happy/1.jpg", bytes(50 << 20))
    content = inner.getvalue()
    write_zip(path, {**FILES, "train/happy/inner.zip": content})


def overlapping(path: Path) -> None:
    """Write a zip whose table names one entry's bytes 3,000 times, as the known overlap bombs do."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train/happy/0.jpg", bytes(1 << 20))
        first = archive.infolist()[0]
        for number in range(1, 3000):
            copy = zipfile.ZipInfo(f"train/happy/{number}.jpg")
            copy.compress_type, copy.header_offset = first.compress_type, first.header_offset
            copy.compress_size, copy.file_size, copy.CRC = first.compress_size, first.file_size, first.CRC
            archive.filelist.append(copy)


def damage(change: Callable[[bytes], bytes], pack: Callable[[Path], Any], path: Path) -> None:
    pack(path)
    path.write_bytes(change(path.read_bytes()))


def tar_in(mode: str) -> Callable[[Path], Path]:
    return lambda path: write_tar(path, NOISE, mode)


def not_utf8(path: Path) -> None:
    write_tar(path, {**FILES, "train/happy/é.jpg": b"x"}, "w")
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xfe"))


def not_utf8_old(path: Path) -> None:
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for name in FILES:
            archive.addfile(tarfile.TarInfo(name))
        archive.addfile(tarfile.TarInfo("train/happy/\udcff.jpg"))


def text(content: bytes) -> Callable[[Path], int]:
    return lambda path: path.write_bytes(content)


PACKERS = {"zip": write_zip, "tar": write_tar}
LONG_NAMES = {
    "a part of 300 bytes": f"train/happy/{'9' * 300}.jpg",
    "a name of 5,000 bytes": "train" + "/d" * 10 + ("/" + "d" * 200) * 25,
    "40 folders deep": "train/" * 41 + "1.jpg",
    "64,000 characters": "train/" + "e" * 64_000,
}
STRANGE_NAMES = {
    "parent folder": "../train/happy/9.jpg",
    "parent folder inside": "train/../../9.jpg",
    "parent folder in litter": "__MACOSX/../../9.jpg",
    "absolute": "/train/happy/9.jpg",
    "absolute for Windows": "\\train\\happy\\9.jpg",
    "parent folder for Windows": "..\\9.jpg",
    "drive letter": "C:\\train\\9.jpg",
    "line break": "train/happy/9\n.jpg",
    "escape character": "train/happy/9\x1b[31m.jpg",
}
PAX = {
    "negative sparse size": {"GNU.sparse.size": "-9000000000", "GNU.sparse.numblocks": "0"},
    "large sparse map": {"GNU.sparse.size": "6400000000", "GNU.sparse.map": "0,1"},
    "sparse 1.0": {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "5"},
    "sparse size that is no number": {"GNU.sparse.size": "many"},
    "negative size": {"size": "-1024"},
    "size of 10**18": {"size": str(10**18)},
    "size of 4,000 digits": {"size": "9" * 4000},
    "path to the parent": {"path": "../../train/1.jpg"},
    "absolute path": {"path": "/etc/cron.d/x"},
}

CASES = [
    *(
        case(f"{kind}: {what}", named(name, packer), ELSEWHERE)
        for kind, packer in PACKERS.items()
        for what, name in STRANGE_NAMES.items()
    ),
    *(
        case(f"{kind}: {what}", named(name, packer), Refused(r"too long|folders deep|more than (1024|8192)"))
        for kind, packer in PACKERS.items()
        for what, name in LONG_NAMES.items()
    ),
    *(
        case(f"tar: {what}", partial(tar_of_type, kind), Refused("a link or a device"))
        for what, kind in {
            "symbolic link": tarfile.SYMTYPE,
            "character device": tarfile.CHRTYPE,
            "block device": tarfile.BLKTYPE,
            "pipe": tarfile.FIFOTYPE,
        }.items()
    ),
    case("tar: hard link", partial(tar_of_type, tarfile.LNKTYPE), Refused("an absolute name")),
    case("tar: link, then a file through it", link_then_file_through_it, Refused("a link or a device")),
    case("zip: symbolic link", zip_link, Refused("a link or a device")),
    case("zip: encrypted", encrypted, Refused("without a password")),
    case("zip: bzip2 entries", partial(method, zipfile.ZIP_BZIP2), Refused("pack the archive again")),
    case("zip: LZMA entries", partial(method, zipfile.ZIP_LZMA), Refused("pack the archive again")),
    *(
        case(
            f"tar: PAX, {what}",
            partial(pax, records),
            Refused("sparse|-1024 bytes|cannot be read|expected plain|EMOTION_MAX"),
        )
        for what, records in PAX.items()
    ),
    case("tar: old sparse member", old_sparse, Refused("sparse")),
    case("tar: name that is not UTF-8", not_utf8, Handled(sorted([*FILES, "train/happy/%FF%FE.jpg"]))),
    case("tar: old name that is not UTF-8", not_utf8_old, Handled(sorted([*FILES, "train/happy/%FF.jpg"]))),
    *(
        case(
            f"tar.bz2: header of 400 MB ({what})",
            lambda path, kind=kind: bomb_of_one_header(path, kind),
            Refused("describes an entry|cannot be read"),
        )
        for what, kind in {
            "pax": tarfile.XHDTYPE,
            "global pax": tarfile.XGLTYPE,
            "long name": tarfile.GNUTYPE_LONGNAME,
            "long link": tarfile.GNUTYPE_LONGLINK,
        }.items()
    ),
    case("tar.bz2: 60,000 folders", bomb_of_folders, Refused("EMOTION_MAX_FILES")),
    case("tar: records inside one another", bomb_of_records, Refused("cannot be read|describes")),
    case("zip: more bytes than declared", bomb_of_a_zip_entry, DAMAGED),
    case("zip: 300 MB of zeros", deflate_bomb, Refused("EMOTION_MAX_RATIO")),
    case("tar.gz: 200 MB of zeros", partial(tar_bomb, gzip.compress), Refused("EMOTION_MAX_RATIO")),
    case("tar.bz2: 200 MB of zeros", partial(tar_bomb, bz2.compress), Refused("EMOTION_MAX_RATIO")),
    case("tar.xz: 200 MB of zeros", partial(tar_bomb, partial(lzma.compress, preset=0)), Refused("EMOTION_MAX_RATIO")),
    case("zip: 3,000 entries on one another", overlapping, Refused("EMOTION_MAX_RATIO|cannot be read")),
    case(
        "zip: a zip bomb inside stays a file",
        nested_bomb,
        Handled(sorted([*NAMES, "train/happy/inner.zip"])),
    ),
    case("zip: 20,000 empty files", many_entries, Handled(MANY)),
    *(
        case(f"{what}: {how}", partial(damage, change, pack), DAMAGED)
        for what, pack in {
            "zip": lambda path: write_zip(path, NOISE),
            "tar.gz": tar_in("w:gz"),
            "tar.bz2": tar_in("w:bz2"),
            "tar.xz": tar_in("w:xz"),
        }.items()
        for how, change in {
            "cut at two thirds": cut,
            "64 bytes turned": flip,
            "cut at its first tenth": lambda content: content[: len(content) // 10],
            "last 20 bytes missing": lambda content: content[:-20],
        }.items()
    ),
    *(
        case(f"tar: cut after {blocks} blocks", partial(damage, lambda c, n=blocks: c[: n * 512], tar_in("w")), DAMAGED)
        for blocks in (1, 2, 200, 393)
    ),
    *(
        case(f"no archive: {what}", text(content), DAMAGED)
        for what, content in {
            "empty": b"",
            "text": b"neither",
            "mark of a zip alone": b"PK\x03\x04",
            "text in gzip": gzip.compress(b"no tar", mtime=0),
            "HTML": b"<!DOCTYPE html><html>sign in</html>",
            "1 MB of noise": random.Random(2).randbytes(1 << 20),
            "mark of xz and noise": b"\xfd7zXZ\0" + random.Random(3).randbytes(4000),
            "RAR": b"Rar!\x1a\x07\x01\0" + bytes(600),
            "7z": b"7z\xbc\xaf\x27\x1c" + bytes(600),
        }.items()
    ),
    case("no archive: zeros", text(bytes(10_240)), Refused("no folder named")),
    case("no archive: end mark of a zip alone", text(b"PK\x05\x06" + bytes(18)), Refused("no folder named")),
    case(
        "tar: one name twice",
        lambda path: write_tar(path, {"./train/happy/1.jpg": b"old", "train/happy/1.jpg": b"new"}),
        Handled(["train/happy/1.jpg"]),
    ),
    case(
        "zip: a file and a folder of one name",
        lambda path: write_zip(path, {"train/happy/1.jpg": b"a", "train/happy/1.jpg/2.jpg": b"b"}),
        Refused("cannot both be written"),
    ),
    case(
        "zip: two data sets",
        lambda path: write_zip(path, {**below("old/", FILES), **below("new/", FILES)}),
        Refused("more than one data set"),
    ),
    case(
        "zip: 1,001 data sets",
        lambda path: write_zip(path, {f"{number}/train/1.jpg": b"" for number in range(1001)}),
        Refused("more than 1000 folders"),
    ),
    case("zip: no data set", lambda path: write_zip(path, {"faces/1.jpg": b"a"}), Refused("no folder named")),
    case("zip: nothing in it", lambda path: write_zip(path, {}), Refused("no folder named")),
    case(
        "zip: name with script",
        named("train/happy/<img src=x onerror=alert(1)>.jpg", write_zip),
        Handled(sorted([*NAMES, "train/happy/<img src=x onerror=alert(1)>.jpg"])),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_archive_is_unpacked_or_refused(case, check):
    check(case)
