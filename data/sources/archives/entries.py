"""Entries of zip and tar archives: opening, safe names, and errors of damaged archives."""

import errno
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from lzma import LZMAError
from pathlib import Path
from typing import IO, NamedTuple

from data.base.errors import PipelineError
from data.sources.archives.streams import (
    HEADER_BYTES,
    MEAN_HEADER_BYTES,
    TarStream,
    ZipBytes,
    is_zip,
    open_tar_stream,
    refuse_part_of_zip,
)

MAX_PART_BYTES = 255
"""Longest part of a path on the common file systems."""

MAX_NAME_BYTES = 1024
"""Longest name of an entry; a quarter of the longest path that Linux takes."""

MAX_DEPTH = 32
"""Most parts of an entry's name."""

MAX_GLOBAL_FIELDS = 64
"""Most fields of a tar that hold for all of its entries; `git archive` writes one."""

SHOWN_CHARACTERS = 120

LITTER_NAMES = frozenset({"__macosx", "thumbs.db", "desktop.ini", "icon\r"})
"""Names that file managers leave behind, in lower case; every hidden file and folder (`.name`) is litter as well."""

LINK_OR_DEVICE = "a link or a device"

ZIP_ENCRYPTED = 0x1

ZIP_METHODS = {
    1: "Shrink",
    6: "Implode",
    9: "Deflate64, as Windows Explorer does with large files",
    10: "the DCL Implode of PKWARE",
    12: "bzip2",
    14: "LZMA",
    20: "Zstandard",
    93: "Zstandard",
    95: "xz",
    96: "the JPEG method of WinZip",
    98: "PPMd",
}
"""Methods of compression that are not read, from section 4.4.5 of PKWARE's APPNOTE.TXT."""

HTML_STARTS = (b"<!doctype html", b"<html")

DECODER_ERRORS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    LZMAError,
    EOFError,
)
"""Errors that the standard library raises for damaged or unknown archives."""


class ArchiveUnreadable(PipelineError):
    """Report an archive that is damaged or cut short; another copy of it may be complete."""


class Entry(NamedTuple):
    """One file or folder of an archive or folder."""

    parts: tuple[str, ...]
    """Parts of a file's name; empty for a folder or litter, which are only counted."""
    size_bytes: int = 0
    open: Callable[[], IO[bytes] | None] = lambda: None
    same_as: tuple[str, ...] = ()
    """Parts of the earlier file whose content this one has: a hard link in a tar."""
    problem: str = ""
    """What this is if it is no plain file; such an entry may stand beside a data set and not in it."""
    escaped: bool = False
    """Whether the name is not UTF-8, so that `parts` are not its own bytes; see `escape_bytes`."""
    path: Path = Path()
    """Where a file of a folder is."""

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder, or litter."""
        return not self.parts


def is_litter(name: str) -> bool:
    """Tell whether an entry is hidden, left behind by a file manager, or in such a folder.

    Examples:
        >>> is_litter("train/happy/.ipynb_checkpoints/1.jpg")
        True
        >>> is_litter("./train/happy/1.jpg")
        False
    """
    parts = name.replace("\\", "/").split("/")
    if ".." in parts:  # a name that leads elsewhere is refused
        return False
    return any(part.lower() in LITTER_NAMES or (part.startswith(".") and part != ".") for part in parts)


def is_html(path: Path) -> bool:
    """Tell from its first bytes whether a file is an HTML page."""
    with path.open("rb") as file:
        start = file.read(1024)
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(HTML_STARTS)


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Convert every error of a decompressor into `ArchiveUnreadable`."""
    try:
        yield
    except UnicodeDecodeError as error:
        name = show_name(error.object.decode(errors="surrogateescape"))
        raise ArchiveUnreadable(
            f"{archive} declares the name {name} to be UTF-8, which it is not; get the archive again in case it is "
            "damaged, or rename the file and pack the data again"
        ) from error
    except NotImplementedError as error:
        raise ArchiveUnreadable(
            f"{archive} needs what is not read here: {error}; expected a zip with Deflate and without a password. "
            "Unpack it with the program that packed it and give the folder as the source, or pack it again; if that "
            "program cannot read it either, it is damaged: get the archive again"
        ) from error
    except DECODER_ERRORS as error:
        raise unreadable(archive, str(error)) from error
    except OSError as error:
        # Decompressors raise OSError without a number, and EINVAL comes from a seek to a wrong place in a damaged
        # archive. Any other number is an error of the disk.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise unreadable(archive, str(error)) from error


def unreadable(archive: Path, why: str) -> ArchiveUnreadable:
    """Return the error for an archive that cannot be read, with the first line of the reason."""
    cause = why.splitlines()[0].rstrip(":") if why else "no reason given"
    return ArchiveUnreadable(
        f"{archive} cannot be read as a zip or tar ({cause}); it is damaged or was cut short: get the archive again, "
        "or pack it again as .zip or .tar.gz"
    )


@contextmanager
def open_entries(archive: Path, max_entries: int) -> Iterator[Iterator[Entry]]:
    """Open an archive and yield its entries, to be read inside the block; its format is found from its content.

    The content of an entry is to be read before the next entry is asked for: a tar is read forwards only.

    Args:
        archive: a zip, also a self-extracting one, or a tar that is uncompressed or compressed with gzip, bzip2 or xz.
        max_entries: most entries in a zip's table of contents.

    Raises:
        ArchiveUnreadable: the archive is damaged, cut short, or neither zip nor tar.
        PipelineError: it is encrypted, one of several parts, holds unsafe names, or describes its entries in so many
            bytes that reading it costs too much memory.
    """
    with _reading(archive):
        if is_zip(archive):
            refuse_part_of_zip(archive)
            with ZipBytes(archive, max_entries) as file, zipfile.ZipFile(file) as opened:
                yield _zip_entries(opened)
        else:
            with open_tar_stream(archive) as stream, _open_tar(stream) as opened:
                yield _tar_entries(opened, stream, archive)


def _zip_entries(archive: zipfile.ZipFile) -> Iterator[Entry]:
    infos = archive.infolist()[::-1]
    archive.filelist.clear()  # so that an entry's memory is free once it was yielded
    archive.NameToInfo.clear()
    while infos:
        info = infos.pop()
        # Zips packed on Windows may separate folders by a backslash, and end a folder's name with one.
        if info.filename.endswith(("/", "\\")) or is_litter(info.filename):
            yield Entry(parts=())
            continue
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            yield Entry(_safe_parts(info.filename), problem=LINK_OR_DEVICE)
            continue
        if info.flag_bits & ZIP_ENCRYPTED:
            raise PipelineError(f"{show_name(info.filename)} in the archive is encrypted; pack it without a password")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _unread_method(info)
        yield Entry(_safe_parts(info.filename), info.file_size, partial(archive.open, info))


def _unread_method(info: zipfile.ZipInfo) -> PipelineError:
    """Return the error for an entry that is compressed neither with Deflate nor not at all."""
    # Of the others, zipfile reads bzip2 and LZMA alone, and limits neither their memory nor their output.
    name = ZIP_METHODS.get(info.compress_type, "a method without a usual name")
    return PipelineError(
        f"{show_name(info.filename)} is compressed with {name} (method {info.compress_type} of zip); expected Deflate "
        "(8) or none (0). Unpack it with the program that packed it and give the folder as the source, or pack the "
        "archive again with Deflate (`zip -r faces.zip FOLDER`; in 7-Zip: format zip, method Deflate)"
    )


def _open_tar(stream: TarStream) -> tarfile.TarFile:
    with _reading_header():
        # The encoding of the machine must not decide which names are read.
        return tarfile.TarFile(fileobj=stream, encoding="utf-8")  # pyright: ignore[reportArgumentType]


def _tar_entries(archive: tarfile.TarFile, stream: TarStream, origin: Path) -> Iterator[Entry]:
    entries = 0
    while (member := _next_member(archive, stream)) is not None:
        entries += 1
        if stream.header_bytes > HEADER_BYTES + MEAN_HEADER_BYTES * entries:
            raise PipelineError(
                f"{origin} describes its entries in more than {MEAN_HEADER_BYTES} bytes each; expected plain image "
                "files: pack the data again as .zip"
            )
        if member.isdir() or is_litter(member.name):
            yield Entry(parts=())
            continue
        yield _tar_entry(archive, member)
    # tarfile treats a broken header as the end; the real end is a block of zeros.
    if stream.last_read != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("the end mark is missing")
    stream.read_rest()


def _next_member(archive: tarfile.TarFile, stream: TarStream) -> tarfile.TarInfo | None:
    stream.begin_header(archive.offset)
    with _reading_header():
        member = archive.next()
    stream.end_header()
    archive.members.clear()  # pyright: ignore[reportAttributeAccessIssue]  # tarfile keeps every member that it read
    if len(archive.pax_headers) > MAX_GLOBAL_FIELDS:
        raise tarfile.ReadError(f"more than {MAX_GLOBAL_FIELDS} fields in global PAX headers")
    return member


@contextmanager
def _reading_header() -> Iterator[None]:
    """Convert what tarfile lets pass: numbers in PAX records that are none."""
    try:
        yield
    except (ValueError, OverflowError, RecursionError) as error:
        raise tarfile.ReadError(f"the description of an entry is damaged: {error}") from error


def _tar_entry(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    sparse_fields = any(name.startswith("GNU.sparse") for name in member.pax_headers)
    if member.issparse() or sparse_fields or member.type == tarfile.GNUTYPE_SPARSE:
        raise refusal(member.name, "a sparse file")
    if member.size < 0:
        raise refusal(member.name, f"a file of {member.size} bytes")
    name = escape_bytes(member.name)
    entry = Entry(_safe_parts(name), escaped=name != member.name)
    if member.islnk():
        return entry._replace(same_as=_safe_parts(escape_bytes(member.linkname)))
    if not member.isreg():
        return entry._replace(problem=LINK_OR_DEVICE)
    return entry._replace(size_bytes=member.size, open=partial(archive.extractfile, member))


def _safe_parts(name: str) -> tuple[str, ...]:
    """Return the parts of a member's name; refuse a name that leads elsewhere or cannot be written."""
    if len(name) > MAX_NAME_BYTES:
        raise refusal(name, f"a name of {len(name)} characters, more than {MAX_NAME_BYTES}")
    unified = name.replace("\\", "/")
    parts = tuple(part for part in unified.split("/") if part not in ("", "."))
    if unified.startswith("/") or re.match(r"[A-Za-z]:", unified):
        raise refusal(name, "an absolute name")
    if ".." in parts:
        raise refusal(name, "a name that leads out of the archive")
    check_parts(parts, name)
    return parts


def check_parts(parts: tuple[str, ...], name: str) -> None:
    """Refuse a name that cannot be written on every file system.

    Args:
        parts: parts of the name.
        name: for messages.
    """
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        raise refusal(name, "a name that is not UTF-8") from None
    if max(sizes, default=0) > MAX_PART_BYTES or sum(sizes) + len(sizes) > MAX_NAME_BYTES:
        raise refusal(
            name, f"a name that is too long (more than {MAX_PART_BYTES} bytes in a part or {MAX_NAME_BYTES} in all)"
        )
    if len(parts) > MAX_DEPTH:
        raise refusal(name, f"a file {len(parts) - 1} folders deep, deeper than {MAX_DEPTH - 1}")
    if not parts or any(ord(character) < ord(" ") for character in name):
        raise refusal(name, "a name that cannot be written")


def refusal(name: str, what: str) -> PipelineError:
    """Return the error for an entry that an image archive must not hold."""
    return PipelineError(
        f"{show_name(name)} is {what}; expected plain image files in folders: remove it and pack the data again"
    )


def escape_bytes(name: str) -> str:
    """Return a name whose bytes that are not UTF-8 are written as % and two hex digits.

    Python keeps such a byte as a character that no text file, table or page can hold.

    Examples:
        >>> escape_bytes(b"face\\xe9.jpg".decode(errors="surrogateescape"))
        'face%E9.jpg'
    """
    return re.sub("[\udc80-\udcff]", lambda found: f"%{ord(found[0]) - 0xDC00:02X}", name)


def show_name(name: str) -> str:
    """Return a name for a message: short, printable, on one line."""
    name = escape_bytes(name)
    shown = name if name.isprintable() else ascii(name)
    return shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}..."
