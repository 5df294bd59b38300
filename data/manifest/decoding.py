"""Decoding of image files to 8-bit gray or RGB, and of perceptual hashes to bits."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.ExifTags import Base

from data.base.data_format import DataFormat
from data.base.errors import PipelineError

HASH_BITS = 64

UPRIGHT = 1
"""Orientation in EXIF of an image whose pixels are stored as it is seen."""

GRAY_MODES = ("L", "1", "LA")
"""Pillow's modes of gray images with at most 8 bits a channel."""

DEEP_MODES = ("I", "F")
"""First letters of Pillow's modes with more than 8 bits a channel."""

LEVELS_PER_GRAY = 257
"""16-bit levels for one of 8 bits: 65535 / 255."""


def read_gray(path: Path) -> Image.Image:
    """Decode an image file as upright 8-bit gray.

    Raises:
        PipelineError: the file is missing or cannot be decoded.
    """
    return _decode_plain(_read_content(path), path).convert("L")


def read_pixels(path: Path, data_format: DataFormat) -> NDArray[np.uint8]:
    """Decode an image file as networks take it; see `decode_pixels`.

    Raises:
        PipelineError: the file is missing or cannot be decoded, or has another size and is not to be resized.
    """
    return decode_pixels(_read_content(path), path, data_format)


def decode_pixels(content: bytes, path: Path, data_format: DataFormat) -> NDArray[np.uint8]:
    """Decode the content of an image file as networks take it.

    Args:
        content: of a JPEG or PNG.
        path: of the file, for errors.
        data_format: size and colour; an image in others is converted, see `fit_to_size`.

    Returns:
        uint8 (height, width, channels), 0..255.

    Raises:
        PipelineError: it cannot be decoded, or has another size and is not to be resized.
    """
    image = _decode_plain(content, path).convert("L" if data_format.channels == 1 else "RGB")
    size = (data_format.width, data_format.height)
    if image.size != size:
        if not data_format.resize:
            raise PipelineError(f"{path} is {image.width}x{image.height}, expected {data_format.size} pixels")
        image = fit_to_size(image, size)
    return np.asarray(image).reshape(data_format.shape)


def fit_to_size(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize an image, antialiased, so that all of it is seen; a border that stays free repeats the edge pixels.

    Args:
        image: gray or RGB.
        size: width and height in pixels.
    """
    scale = min(size[0] / image.width, size[1] / image.height)
    width, height = (max(1, round(side * scale)) for side in image.size)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    borders = [(top, size[1] - height - top), (left, size[0] - width - left), (0, 0)]
    return Image.fromarray(np.pad(pixels, borders[: pixels.ndim], mode="edge"))


def to_plain(image: Image.Image) -> Image.Image:
    """Convert a decoded image to upright 8-bit gray ("L") or RGB.

    16-bit levels are scaled to 8 bits, transparent places show white, and palettes and CMYK become RGB.
    """
    if _is_turned(image):
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith(DEEP_MODES):
        levels = np.asarray(image, dtype=np.float64) / LEVELS_PER_GRAY
        return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    return image.convert("L" if image.mode in GRAY_MODES else "RGB")


def list_conversions(image: Image.Image) -> Iterator[str]:
    """Name what `to_plain` changes in an opened image; nothing for plain gray and RGB."""
    if _is_turned(image):
        yield "turned upright"
    if image.mode.startswith(DEEP_MODES):
        yield "16 bits to 8"
    if image.has_transparency_data:
        yield "transparency on white"
    if image.mode == "P":
        yield "palette to colour"
    if image.mode in ("CMYK", "YCCK"):
        yield "CMYK to RGB"


def _is_turned(image: Image.Image) -> bool:
    return image.getexif().get(Base.Orientation, UPRIGHT) in range(UPRIGHT + 1, 9)


def _read_content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _not_decodable(path, error) from error


def _decode_plain(content: bytes, path: Path) -> Image.Image:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return to_plain(image)
    except (OSError, ValueError) as error:
        raise _not_decodable(path, error) from error


def _not_decodable(path: Path, error: Exception) -> PipelineError:
    return PipelineError(f"{path} cannot be decoded ({error}): build and clean the manifest again")


def decode_hashes(hashes: pd.Series) -> NDArray[np.uint8]:
    """Return 16-digit hexadecimal hashes as bytes: uint8 (hashes, 8)."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint8).reshape(-1, HASH_BITS // 8)


def unpack_hashes(hashes: pd.Series) -> NDArray[np.uint8]:
    """Return the bits of 16-digit hexadecimal hashes: uint8 (hashes, 64), 0 or 1."""
    return np.unpackbits(decode_hashes(hashes), axis=1)
