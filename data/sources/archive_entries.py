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

NAME_BYTES = 255

ZIP_ENCRYPTED = 0x1

HTML_STARTS = (b"<!doctype html", b"<html")

DECODER_ERRORS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    LZMAError,
    EOFError,
    NotImplementedError,
    UnicodeDecodeError,
)
"""Errors that the standard library raises for damaged or unknown archives."""


class ArchiveUnreadable(PipelineError):
    """Report an archive that is damaged or cut short; another copy of it may be complete."""


class Entry(NamedTuple):
    """One file of an archive or folder."""

    parts: tuple[str, ...]
    size_bytes: int
    open: Callable[[], IO[bytes] | None]


def list_sizes(archive: Path) -> list[int]:
    """Return the unpacked size in bytes of each file of an archive; a tar is read to its end for that.

    Raises:
        ArchiveUnreadable, PipelineError: as for `open_entries`.
    """
    with open_entries(archive) as entries:
        return [entry.size_bytes for entry in entries]


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
def open_entries(archive: Path) -> Iterator[Iterator[Entry]]:
    """Open an archive and yield its entries, to be read inside the block; its format is found from its first bytes.

    Raises:
        ArchiveUnreadable: the archive is damaged, cut short, or neither zip nor tar.
        PipelineError: it is encrypted, or holds links, devices or unsafe names.
    """
    with _reading(archive):
        with archive.open("rb") as file:
            is_zip = file.read(2) == b"PK"
        if is_zip:
            with zipfile.ZipFile(archive) as opened:
                yield _zip_entries(opened)
        else:
            with tarfile.open(archive) as opened:
                yield _tar_entries(opened)


def _zip_entries(archive: zipfile.ZipFile) -> Iterator[Entry]:
    for info in archive.infolist():
        # Zips packed on Windows may separate folders by a backslash, and end a folder's name with one.
        if info.filename.endswith(("/", "\\")):
            continue
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise refusal(info.filename, "a link or a device")
        if info.flag_bits & ZIP_ENCRYPTED:
            raise PipelineError(f"{info.filename} in the archive is encrypted; pack it again without a password")
        yield Entry(_safe_parts(info.filename), info.file_size, partial(archive.open, info))


def _tar_entries(archive: tarfile.TarFile) -> Iterator[Entry]:
    for member in archive:
        if member.isdir():
            continue
        if not member.isreg():
            raise refusal(member.name, "a link or a device")
        yield Entry(_safe_parts(member.name), member.size, partial(archive.extractfile, member))
    # tarfile treats a broken header as the end; the real end is a block of zeros.
    file = archive.fileobj
    if file is None:
        return
    file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("the end mark is missing")


def _safe_parts(name: str) -> tuple[str, ...]:
    """Return the parts of a member's name; refuse a name that leads elsewhere or cannot be written."""
    unified = name.replace("\\", "/")
    parts = tuple(part for part in unified.split("/") if part not in ("", "."))
    if unified.startswith("/") or re.match(r"[A-Za-z]:", unified):
        raise refusal(name, "an absolute name")
    if ".." in parts:
        raise refusal(name, "a name that leads out of the archive")
    try:
        too_long = any(len(part.encode()) > NAME_BYTES for part in parts)
    except UnicodeEncodeError:
        raise refusal(ascii(name), "a name that is not UTF-8") from None
    if too_long or not parts or any(ord(character) < ord(" ") for character in name):
        raise refusal(ascii(name), "a name that cannot be written")
    return parts


def refusal(name: str, what: str) -> PipelineError:
    """Return the error for an entry that an image archive must not hold."""
    return PipelineError(f"{name} is {what}; expected plain image files in folders: remove it and pack the data again")
