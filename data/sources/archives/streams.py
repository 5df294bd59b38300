"""Bounded byte streams below zipfile and tarfile.

Both read what describes an entry whole, whatever size the archive declares for it, and some decompressors return as
much as the archive holds. These streams refuse before that costs memory.
"""

import gzip
import io
import re
import struct
import tarfile
import zipfile
from bz2 import BZ2File
from collections.abc import Iterator
from contextlib import contextmanager
from lzma import FORMAT_XZ, LZMADecompressor, LZMAError
from pathlib import Path
from typing import IO, Protocol

from data.base.errors import PipelineError
from data.sources.archives.parts import JOIN_DISKS

READ_BYTES = 1 << 16

HEADER_BYTES = 8 << 10
"""Most bytes that describe one entry of a tar: its header, a long name, PAX records. Usual are 512 to 2,048."""

MEAN_HEADER_BYTES = 4 << 10
"""Most bytes that describe an entry of a tar on average."""

LONGEST_NUMBER = 1024
"""Most digits in a row in the description of a tar's entry; tarfile needs quadratic time for longer ones."""

XZ_MEMORY_BYTES = 100 << 20
"""Most memory of the xz decoder; the strongest preset of xz, -9, needs 65 MiB."""

REST_BYTES = 16 << 20
"""Most bytes behind the end mark of a tar; tar itself fills up to a multiple of 10 KiB by default."""

GZIP_MARK, BZIP2_MARK, XZ_MARK = PACKED_TAR_MARKS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")
"""First bytes of the files in which a tar may be packed."""

ZIP_ENTRY_MARK = b"PK\x01\x02"

ZIP_SPLIT_MARK = b"PK\x07\x08"
"""Start of the first part of a zip that was split."""

ZIP_END_MARK = b"PK\x05\x06"

ZIP_END = struct.Struct("<4xH6xLL2x")
"""Record at the end of a zip: number of this part, bytes of the table of contents, place of the table."""

LONGEST_ZIP_END = ZIP_END.size + 0xFFFF
"""Most bytes of that record with the comment behind it."""

IN_LARGE_RECORD = 0xFFFF
"""What stands for the number of this part if another record (Zip64) has it."""

ZIP_LOCATOR_MARK = b"PK\x06\x07"

ZIP_LOCATOR = struct.Struct("<16xL")
"""What stands before the end of a zip of more than 4 GiB: the number of parts."""

ZIP_ENTRY_BYTES = 128
"""Most bytes of an entry in a zip's table of contents, on average: 46 and its name and fields."""

LONGEST_PIECE = 2 << 20
"""More than the longest piece in which content is read."""


class ByteReader(Protocol):
    """Anything that gives its bytes in order; fewer than asked for is allowed, none means the end."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`."""
        ...


class TarStream:
    """Bytes of a tar after decompression, forwards only, in the form that tarfile reads.

    Args:
        file: the decompressed bytes.
        archive: for messages.
    """

    def __init__(self, file: ByteReader, archive: Path) -> None:
        self._file = file
        self._archive = archive
        self._position = 0
        self._header_end: int | None = HEADER_BYTES
        self.header_bytes = 0
        self.last_read = b""

    def begin_header(self, start: int) -> None:
        """Allow `HEADER_BYTES` from `start` on until `end_header`."""
        self._header_end = start + HEADER_BYTES

    def end_header(self) -> None:
        """Allow any number of bytes, for an entry's content."""
        self._header_end = None

    def tell(self) -> int:
        """Return the number of bytes read or skipped."""
        return self._position

    def seek(self, position: int) -> int:
        """Skip bytes up to a position; an archive that leads back is refused."""
        if position < self._position:
            raise tarfile.ReadError("an entry of negative size")
        while missing := position - self._position:
            if not self._take(min(missing, READ_BYTES)):
                raise tarfile.ReadError("unexpected end of data")
        return position

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer at the end."""
        if size < 0:
            raise tarfile.ReadError("an entry of negative size")
        if self._header_end is not None:
            self._check_header(size)
        self.last_read = self._take(size)
        if self._header_end is not None and re.search(rb"\d{%d}" % (LONGEST_NUMBER + 1), self.last_read):
            raise tarfile.ReadError(f"a number of more than {LONGEST_NUMBER} digits in the description of an entry")
        return self.last_read

    def _check_header(self, size: int) -> None:
        self.header_bytes += size
        if self._header_end is not None and self._position + size > self._header_end:
            raise PipelineError(
                f"{self._archive} describes an entry in more than {HEADER_BYTES} bytes (a very long name or many "
                "extended attributes); expected plain image files: pack the data again as .zip"
            )

    def read_rest(self) -> None:
        """Read what stands behind the end mark: only at their end do gzip and xz compare their checksums."""
        start = self._position
        while self._take(READ_BYTES):
            if self._position - start > REST_BYTES:
                raise PipelineError(
                    f"{self._archive} holds more than {REST_BYTES >> 20} MiB behind the end mark of its tar; expected "
                    "nothing there: pack the data again"
                )

    def _take(self, size: int) -> bytes:
        pieces = []
        while size and (piece := self._file.read(size)):
            pieces.append(piece)
            size -= len(piece)
            self._position += len(piece)
        return b"".join(pieces)


class XzReader:
    """Decompressed bytes of an xz file, with a bound on memory, which the standard library's `LZMAFile` lacks.

    Args:
        file: the compressed bytes; several streams one after another are one file, as for xz.
        archive: for messages.
    """

    def __init__(self, file: ByteReader, archive: Path) -> None:
        self._file = file
        self._archive = archive
        self._decoder = _new_xz_decoder()

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""
        data = b""
        while not data:
            packed = b""
            if self._decoder.eof:
                packed = (self._decoder.unused_data or self._file.read(READ_BYTES)).lstrip(b"\0")
                if not packed:
                    break
                self._decoder = _new_xz_decoder()
            elif self._decoder.needs_input:
                packed = self._file.read(READ_BYTES)
                if not packed:
                    raise EOFError("the file ends before its end mark")
            data = self._decode(packed, size)
        return data

    def _decode(self, packed: bytes, size: int) -> bytes:
        try:
            return self._decoder.decompress(packed, size)
        except LZMAError as error:
            if "limit" not in str(error):
                raise
            raise PipelineError(
                f"{self._archive} needs more than {XZ_MEMORY_BYTES >> 20} MiB of memory to be unpacked; "
                "pack it again with `xz -9` or weaker, or as .zip"
            ) from error


def _new_xz_decoder() -> LZMADecompressor:
    return LZMADecompressor(format=FORMAT_XZ, memlimit=XZ_MEMORY_BYTES)


class ZipBytes(io.FileIO):
    """Bytes of a zip, in the form that zipfile reads; a table of contents that is too long is refused.

    zipfile reads the table in one piece and makes an object of every entry in it.

    Args:
        archive: path of the zip.
        max_entries: most entries in its table of contents.
    """

    def __init__(self, archive: Path, max_entries: int) -> None:
        super().__init__(archive, "r")
        self._archive = archive
        self._max_entries = max_entries

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next `size` bytes, fewer at the end."""
        if size is not None and size > max(LONGEST_PIECE, ZIP_ENTRY_BYTES * self._max_entries):
            self._refuse()
        data = super().read(-1 if size is None else size)
        if data.count(ZIP_ENTRY_MARK) > self._max_entries:
            self._refuse()
        return data

    def _refuse(self) -> None:
        raise too_many_entries(self._archive, self._max_entries)


def too_many_entries(origin: Path, max_entries: int) -> PipelineError:
    """Return the error for an archive or folder with too many entries."""
    return PipelineError(
        f"{origin} holds more than {max_entries} files and folders, or their names are too long; "
        "set EMOTION_MAX_FILES higher if you expect that"
    )


def is_zip(archive: Path) -> bool:
    """Tell whether a file is a zip, perhaps with a program before it that unpacks it.

    The start decides first: a tar may have a zip as its last file, and a name in it may begin like a zip.
    """
    with archive.open("rb") as file:
        start = file.read(tarfile.BLOCKSIZE)
    if start.startswith(PACKED_TAR_MARKS) or _is_tar_header(start):
        return False
    try:
        return start.startswith(b"PK") or zipfile.is_zipfile(archive)
    except zipfile.BadZipFile:  # the end of a zip, with a fault
        return True


def refuse_part_of_zip(archive: Path) -> None:
    """Refuse a zip that is one of several parts, by the record at its end.

    Raises:
        PipelineError: the zip was split into parts that know of one another.
        zipfile.BadZipFile: its start or its end is missing, as in a piece of it.
    """
    with archive.open("rb") as file:
        is_first = file.read(len(ZIP_SPLIT_MARK)) == ZIP_SPLIT_MARK
        start = file.seek(max(0, file.seek(0, io.SEEK_END) - LONGEST_ZIP_END))
        tail = file.read()
    place = tail.rfind(ZIP_END_MARK)
    if place < 0 or len(tail) - place < ZIP_END.size:
        if not is_first:
            raise zipfile.BadZipFile("its end is missing, as in the first piece of a split archive")
        raise _split_zip(archive)
    part, table_bytes, table_start = ZIP_END.unpack_from(tail, place)
    locator = tail[max(0, place - ZIP_LOCATOR.size) : place]
    is_large = locator.startswith(ZIP_LOCATOR_MARK) and len(locator) == ZIP_LOCATOR.size
    if part not in (0, IN_LARGE_RECORD) or (is_large and ZIP_LOCATOR.unpack(locator)[0] > 1):
        raise _split_zip(archive)
    missing = table_start + table_bytes - (start + place)
    if missing > 0 and not is_large:
        raise zipfile.BadZipFile(f"its first {missing} bytes are missing, as in the last piece of a split archive")


def _split_zip(archive: Path) -> PipelineError:
    return PipelineError(f"{archive} is one part of a zip that was split; expected the whole zip: {JOIN_DISKS}")


def _is_tar_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


@contextmanager
def open_tar_stream(archive: Path) -> Iterator[TarStream]:
    """Open a tar that is uncompressed or compressed with gzip, bzip2 or xz, which its first bytes tell."""
    with archive.open("rb") as file:
        start = file.read(max(map(len, PACKED_TAR_MARKS)))
        file.seek(0)
        yield TarStream(_decompressed(file, start, archive), archive)


def _decompressed(file: IO[bytes], start: bytes, archive: Path) -> ByteReader:
    if start.startswith(GZIP_MARK):
        return gzip.GzipFile(fileobj=file)
    if start.startswith(BZIP2_MARK):
        return BZ2File(file)
    if start.startswith(XZ_MARK):
        return XzReader(file, archive)
    return file
