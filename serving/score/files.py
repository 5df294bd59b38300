"""Photos of a source with what tells whether they changed: of a folder, an archive, a list, a pattern or an address."""

import csv
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from data.base.errors import PipelineError
from data.photos.reading import PhotoLimits, read_file, read_photo
from data.sources.archives.entries import Entry, escape_bytes, open_entries
from data.sources.limits import ExtractLimits, Tally
from data.sources.secrets import mask_secrets
from data.sources.tables.suffixes import is_archive_name
from serving.fetch import fetch_image, is_url
from serving.sources import PHOTO_SUFFIXES, PhotoSource, list_photos, photo_of

LIST_SUFFIXES = (".csv", ".txt")

PATH_COLUMNS = ("path", "file", "source", "url", "image", "photo")
"""Names of the column of a CSV that has the photos; a CSV without any of them has them in its first column."""

LIMITS = PhotoLimits()


class PhotoMark(NamedTuple):
    """What a photo is called in its source, and what tells whether it changed."""

    name: str
    """Unique in the source: relative to a folder, as it is in an archive or a list."""
    fingerprint: str
    """Other if the content is another; empty if that is not known, so that the photo is always scored again.

    Of a file: its size and the time of its last change, which cost no reading; of a file in an archive: a hash of its
    content, which is read anyway; of an address: that it is one, because asking for a change would be a request each.
    """


class ScoreFile(NamedTuple):
    """A photo of a source."""

    mark: PhotoMark
    photo: PhotoSource
    content: Callable[[], bytes]
    """Reads the bytes of its file, or raises PhotoRefused."""


def list_files(source: str, limits: ExtractLimits = ExtractLimits()) -> Iterator[ScoreFile]:
    """List the photos of a source in an order that stays; each name once.

    Args:
        source: as `models.jobs.scoring.ScoreSpec` has it.
        limits: on the content of an archive.

    Raises:
        PipelineError: the source does not exist, or the archive is damaged or beyond a limit.
    """
    seen: set[str] = set()
    for file in _list_any(source, limits):
        if file.mark.name not in seen:
            seen.add(file.mark.name)
            yield file


def count_files(source: str, done: dict[str, str]) -> tuple[int, int]:
    """Count the photos that have to be scored and those that are done; zeros for an archive, which is read once only.

    Args:
        source: as for `list_files`.
        done: name -> fingerprint of the photos that have their answer.
    """
    if is_archive_name(source) and Path(source).is_file():
        return 0, 0
    unchanged = total = 0
    for file in list_files(source):
        total += 1
        unchanged += is_done(file.mark, done)
    return total - unchanged, unchanged


def is_done(mark: PhotoMark, done: dict[str, str]) -> bool:
    """Tell whether a photo has an answer and did not change since."""
    return bool(mark.fingerprint) and done.get(mark.name) == mark.fingerprint


def _list_any(source: str, limits: ExtractLimits) -> Iterator[ScoreFile]:
    path = Path(source)
    if is_url(source):
        return iter([_of_address(source)])
    if path.is_dir():
        return _list_folder(path)
    if path.is_file() and is_archive_name(source):
        return _list_archive(path, limits)
    if path.is_file() and path.suffix.lower() in LIST_SUFFIXES:
        return _list_rows(path)
    return _list_pattern(source)


def _list_folder(folder: Path) -> Iterator[ScoreFile]:
    for photo in list_photos([folder]):
        if photo.name != str(folder):  # which stands for a folder without photos
            yield _of_file(Path(photo.name), os.path.relpath(photo.name, folder), photo)


def _list_pattern(pattern: str) -> Iterator[ScoreFile]:
    photos = [photo for photo in list_photos([pattern]) if photo.name != pattern or Path(pattern).exists()]
    if not photos:
        raise PipelineError(
            f"got source {pattern}, which matches no file, expected a folder, an archive (.zip, .tar.gz), a list "
            "(.csv, .txt), a pattern, or the address of an image: check the path"
        )
    return (_of_file(Path(photo.name), photo.name, photo) for photo in photos)


def _list_rows(path: Path) -> Iterator[ScoreFile]:
    for text in read_list(path):
        if is_url(text):
            yield _of_address(text)
        else:
            place = path.parent / Path(text).expanduser()
            yield _of_file(place, text, PhotoSource(text, partial(read_photo, place, LIMITS)))


def read_list(path: Path) -> Iterator[str]:
    """Yield the paths and addresses of a list: a text with one a line, or a CSV with a column of them.

    Raises:
        PipelineError: it is no text.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix.lower() == ".csv":
                yield from _read_column(file)
            else:
                lines = (line.strip() for line in file)
                yield from (line for line in lines if line and not line.startswith("#"))
    except (UnicodeDecodeError, csv.Error) as error:
        raise PipelineError(
            f"got the list {path}, which cannot be read ({error}), expected paths or addresses in UTF-8: save it again"
        ) from error


def _read_column(file: Iterator[str]) -> Iterator[str]:
    rows = csv.reader(file)
    first = next(rows, [])
    names = [name.strip().lower() for name in first]
    column = next((names.index(name) for name in PATH_COLUMNS if name in names), -1)
    if column < 0 and first:
        yield from filter(None, [first[0].strip()])
    for row in rows:
        text = row[max(column, 0)].strip() if len(row) > max(column, 0) else ""
        if text:
            yield text


def _list_archive(archive: Path, limits: ExtractLimits) -> Iterator[ScoreFile]:
    """Yield the photos of an archive, read one after the other; nothing is unpacked to the disk."""
    tally = Tally(limits, archive, archive.stat().st_size)
    with open_entries(archive, limits.max_files) as entries:
        for entry in entries:
            name = "/".join(entry.parts)
            tally.add(entries=1, size_bytes=entry.size_bytes, name_bytes=len(name))
            if Path(name).suffix.lower() in PHOTO_SUFFIXES and not entry.problem and not entry.same_as:
                yield _of_entry(name, entry)


def _of_entry(name: str, entry: Entry) -> ScoreFile:
    with entry.open() or io.BytesIO() as file:
        content = file.read(LIMITS.max_bytes + 1)
    fingerprint = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return ScoreFile(PhotoMark(name, fingerprint), photo_of(content, name), partial(bytes, content))


def _of_file(path: Path, name: str, photo: PhotoSource) -> ScoreFile:
    try:
        status = path.stat()
    except (OSError, ValueError):
        fingerprint = ""
    else:
        fingerprint = f"{status.st_size}:{status.st_mtime_ns}"
    return ScoreFile(PhotoMark(escape_bytes(name), fingerprint), photo, partial(read_file, path, LIMITS))


def _of_address(url: str) -> ScoreFile:
    shown = mask_secrets(url)
    name = shown if shown == url else f"{shown}#{hashlib.sha256(url.encode()).hexdigest()[:8]}"
    (photo,) = list_photos([url])
    return ScoreFile(PhotoMark(name, "address"), photo, partial(fetch_image, url))
