"""Photos that a person names: files, folders, patterns, addresses and videos, in the order in which they were named."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from glob import has_magic, iglob
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from data.base.record import Record
from data.photos.reading import Photo, PhotoLimits, PhotoRefused, ReadOutcome, read_photo
from data.sources.download_settings import DownloadSettings
from data.sources.secrets import mask_secrets
from serving.fetch import IMAGE_SETTINGS, fetch_image, is_url
from serving.video import read_frames

PHOTO_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")
)
"""Endings of the files that a folder is searched for. Some cannot be read: their rows say what to do with them."""

VIDEO_SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".3gp"))


class SourceOptions(Record):
    """How sources are read."""

    every_seconds: float = Field(default=0, ge=0, description="time between two frames of a video; 0: no videos")
    limits: PhotoLimits = PhotoLimits()
    download: DownloadSettings = IMAGE_SETTINGS


@dataclass(frozen=True)
class PhotoSource:
    """A photo that can be read.

    Args:
        name: path or address, as it was given, without what is secret in an address; a frame of a video ends in
            #t=SECONDS.
        read: reads it, or raises PhotoRefused; may be called in another thread.
    """

    name: str
    read: Callable[[], Photo]


def list_photos(
    given: Iterable[str | Path | PhotoSource], options: SourceOptions = SourceOptions()
) -> Iterator[PhotoSource]:
    """List the photos of what a person names, without reading any; frames of a video are decoded as they are listed.

    Of a folder: the files below it whose names end as those of images do, sorted, without hidden ones; videos among
    them if the options have a time between two frames. A pattern such as `2024/*.jpg` is read as Python's glob does.
    What does not exist is listed, too: reading it says why there is no photo.
    """
    for one in given:
        if isinstance(one, PhotoSource):
            yield one
        elif is_url(str(one)):
            yield PhotoSource(mask_secrets(str(one)), partial(_read_url, str(one), options))
        else:
            yield from _list_path_or_pattern(str(one), options)


def photo_of(image: bytes | NDArray[np.uint8], name: str, limits: PhotoLimits = PhotoLimits()) -> PhotoSource:
    """Return a photo of one's own as a source.

    Args:
        image: content of a file, or pixels: uint8 (height, width, 3), RGB, 0..255, or (height, width) in gray.
        name: for the answer.
        limits: on the content of a file.
    """
    if isinstance(image, bytes):
        return PhotoSource(name, partial(read_photo, image, limits))
    return PhotoSource(name, partial(_check_pixels, image))


def refused_photo(name: str, message: str, outcome: ReadOutcome = "unreadable") -> PhotoSource:
    """Return a source without a photo: reading it raises PhotoRefused with the message and the outcome."""
    return PhotoSource(name, partial(_refuse, message, outcome))


def _check_pixels(pixels: NDArray[np.uint8]) -> Photo:
    rgb = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise PhotoRefused(f"got pixels {pixels.dtype} {pixels.shape}, expected uint8 (height, width, 3) in RGB")
    return Photo(np.ascontiguousarray(rgb))


def count_photos(given: Iterable[str], options: SourceOptions) -> int | None:
    """Count the photos that `list_photos` will list; None if that is not known before, as with videos."""
    total = 0
    for text in given:
        for path in [Path(text)] if is_url(text) else _match(text):
            files = _walk(path, options) if path.is_dir() else [path]
            for file in files:
                if is_video(file):
                    return None
                total += 1
    return total


def is_video(path: Path) -> bool:
    """Return whether a file is a video by its name."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def _list_path_or_pattern(text: str, options: SourceOptions) -> Iterator[PhotoSource]:
    """List what is at a path, or at all that match a pattern; there is a row for what has no photo at all."""
    found = False
    for path in _match(text):
        for photo in _list_folder(path, options) if path.is_dir() else _list_file(path, options):
            found = True
            yield photo
    if not found:
        what = "has no file that ends as an image does" if Path(text).is_dir() else "matches no file"
        yield refused_photo(text, f"{text} {what}, expected photos: check the path", "unavailable")


def _match(text: str) -> list[Path]:
    """List the paths that match a pattern, sorted; a text that is no pattern, or that exists as it is, is a path."""
    if not has_magic(text) or os.path.lexists(text):
        return [Path(text)]
    return [Path(found) for found in sorted(iglob(text, recursive=True))]  # noqa: PTH207 - Path.glob takes no root


def _list_folder(folder: Path, options: SourceOptions) -> Iterator[PhotoSource]:
    for path in _walk(folder, options):
        yield from _list_file(path, options)


def _walk(folder: Path, options: SourceOptions) -> Iterator[Path]:
    wanted = PHOTO_SUFFIXES | (VIDEO_SUFFIXES if options.every_seconds else frozenset())
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in wanted:
                yield Path(root, name)


def _list_file(path: Path, options: SourceOptions) -> Iterator[PhotoSource]:
    if not is_video(path):
        yield PhotoSource(str(path), partial(read_photo, path, options.limits))
    elif not options.every_seconds:
        yield refused_photo(
            str(path), f"{path} is a video: say which frames to take, such as --every 1 for one each second"
        )
    else:
        yield from _list_frames(path, options)


def _list_frames(path: Path, options: SourceOptions) -> Iterator[PhotoSource]:
    try:
        for seconds, pixels in read_frames(path, options.every_seconds, options.limits):
            yield PhotoSource(f"{path}#t={round(seconds, 2)}", partial(Photo, pixels))
    except PhotoRefused as error:
        yield refused_photo(str(path), str(error), error.outcome)


def _read_url(url: str, options: SourceOptions) -> Photo:
    return read_photo(fetch_image(url, options.download), options.limits)


def _refuse(message: str, outcome: ReadOutcome) -> Photo:
    raise PhotoRefused(message, outcome)
