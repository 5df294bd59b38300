"""Reading of a photo into upright RGB pixels, and the words for files that are no photo."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin
from pydantic import Field

from data.base.errors import PipelineError
from data.base.record import Record
from data.manifest.decoding import list_conversions, to_plain
from data.manifest.measures import breaks_off
from data.photos.file_kinds import READABLE, recognise_kind, refusal_of

ReadOutcome = Literal["unreadable", "unavailable", "too_large"]


class PhotoLimits(Record):
    """Limits on a photo; one beyond them is refused before it is decoded."""

    max_bytes: int = Field(default=64 << 20, ge=1, le=1 << 32, description="most bytes of a photo's file")
    max_pixels: int = Field(
        default=1 << 26, ge=1, le=1 << 30, description="most pixels of a photo; each takes about 10 bytes of memory"
    )


class PhotoRefused(PipelineError):
    """Report a file that gives no photo.

    Args:
        message: what was got, what was expected, and what to do.
        outcome: unreadable: damaged or of an unknown kind; unavailable: cannot be reached; too_large: beyond a limit.
    """

    def __init__(self, message: str, outcome: ReadOutcome = "unreadable") -> None:
        super().__init__(message)
        self.outcome: ReadOutcome = outcome


@dataclass(frozen=True)
class Photo:
    """A decoded photo.

    Args:
        pixels: uint8 (height, width, 3), 0..255, RGB, upright.
        notes: what was changed to see it, such as "turned upright".
    """

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.pixels.shape[1]


_PLUGINS = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}
"""Kind of `data.photos.file_kinds` -> its reader. They are called directly because `Image.open` refuses a header with
many pixels before it tells how many, and tries readers of rare formats."""


def read_photo(source: Path | bytes, limits: PhotoLimits = PhotoLimits()) -> Photo:
    """Read a photo: a JPEG, PNG, GIF (first picture), WebP, BMP or TIFF.

    Args:
        source: path of a file, or its content.
        limits: a photo beyond them is refused by its size on disk and its header, before it is decoded.

    Returns:
        Its pixels as they are seen: turned as EXIF says, 16 bits scaled to 8, transparent places white, palettes and
        CMYK as RGB.

    Raises:
        PhotoRefused: there is no photo; its `outcome` tells whether it is unreadable, unavailable or too large.
    """
    name = "the photo" if isinstance(source, bytes) else str(source)
    content = _check_bytes(source, name, limits) if isinstance(source, bytes) else read_file(source, limits)
    kind = recognise_kind(content)
    if kind not in READABLE:
        raise PhotoRefused(refusal_of(kind, name))
    image = _open_header(content, kind, name)
    if image.width * image.height > limits.max_pixels:
        raise PhotoRefused(
            f"{name} has {image.width}x{image.height} pixels, expected at most {limits.max_pixels:,}: make it smaller",
            "too_large",
        )
    return _decode(image, content, name)


def read_file(path: Path, limits: PhotoLimits = PhotoLimits()) -> bytes:
    """Read a file up to the limit of bytes; what is no plain file, such as a pipe, could block and is refused.

    Raises:
        PhotoRefused: it cannot be reached, or is too large.
    """
    try:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "is no file" if path.exists() else "does not exist"
            raise PhotoRefused(f"{path} {what}, expected a photo: check the path", "unavailable")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = b"" if size > limits.max_bytes else file.read(limits.max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        raise PhotoRefused(
            f"{path} cannot be read ({error}): check the path and its permissions", "unavailable"
        ) from None
    return _check_bytes(content or bytes(0), str(path), limits, size)


def _check_bytes(content: bytes, name: str, limits: PhotoLimits, size: int = 0) -> bytes:
    size = max(size, len(content))
    if size > limits.max_bytes:
        raise PhotoRefused(
            f"{name} has {size:,} bytes, expected at most {limits.max_bytes:,}: make it smaller", "too_large"
        )
    return content


def _open_header(content: bytes, kind: str, name: str) -> Image.Image:
    """Read the header alone. For damaged files Pillow raises a dozen kinds of exception, here and in `_decode`."""
    try:
        return _PLUGINS[kind](io.BytesIO(content))
    except Exception as error:
        raise PhotoRefused(f"{name} starts like a {kind} but is damaged ({error}): fetch it again") from error


def _decode(image: Image.Image, content: bytes, name: str) -> Photo:
    try:
        image.load()
        whole = not breaks_off(content, image.mode)
        notes = (*list_conversions(image), *_describe_frames(image))
        pixels = np.asarray(to_plain(image).convert("RGB"))
    except Exception as error:
        raise PhotoRefused(f"{name} is damaged inside ({error}), expected a whole picture: fetch it again") from error
    if not whole:
        raise PhotoRefused(f"{name} breaks off or is damaged inside, expected a whole picture: fetch it again")
    return Photo(pixels, notes)


def _describe_frames(image: Image.Image) -> tuple[str, ...]:
    frames = getattr(image, "n_frames", 1)
    return (f"first of {frames} pictures",) if frames > 1 else ()
