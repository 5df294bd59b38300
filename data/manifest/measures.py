"""Measurement of image files for the manifest, in blocks that any process can measure.

It does not import pandas, which would double the start-up time of a process.
"""

import hashlib
import io
import logging
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, JpegImagePlugin, PngImagePlugin

from data.base.errors import PipelineError
from data.manifest.decoding import list_conversions, to_plain

logger = logging.getLogger(__name__)

FORMATS = ("JPEG", "PNG")
MEASURES = (
    "mean",
    "standard_deviation",
    "sharpness",
    "noise",
    "blockiness",
    "entropy",
    "skewness",
    "edge_brightness",
)
"""The columns that are measured on the gray pixels; NaN if an image cannot be decoded."""

BLOCK = 8
"""Height and width in pixels of the blocks that JPEG codes."""
LARGEST_IMAGE_PIXELS = 2**24
"""Larger images are not decoded: a face has a few thousand pixels, a decompression bomb has hundreds of millions."""

JPEG_START = b"\xff\xd8"

DAMAGES = ("Premature end", "premature end", "bad Huffman code")
"""Words of libjpeg's warnings on lost pixels; others, such as on extraneous bytes, cost no pixel."""

GRAY_LEVELS = np.arange(256, dtype=np.float64)

BLOCK_FILES, BLOCK_BYTES = 1_000, 8 << 20
"""A block ends when it has so many files or bytes: about half a second of work, and little memory."""


class ImageFile(NamedTuple):
    """An image file as it is sent to who measures it."""

    path: str
    """Relative POSIX path, the id of the image."""
    content: bytes


def list_files(images: Path) -> list[str]:
    """Return the relative POSIX paths of all files below a directory, sorted.

    Raises:
        PipelineError: the directory is missing or holds no file.
    """
    if not images.is_dir():
        raise PipelineError(f"{images} is no directory; expected a data set's root with a folder for each split")
    paths = sorted(path.relative_to(images).as_posix() for path in images.rglob("*") if path.is_file())
    if not paths:
        raise PipelineError(f"{images} holds no file; expected images at <split>/<label>/<file>")
    return paths


def read_file(images: Path, path: str) -> ImageFile:
    """Read the file of a relative path below a directory."""
    return ImageFile(path, (images / path).read_bytes())


def read_blocks(images: Path, paths: Iterable[str]) -> Iterator[tuple[ImageFile, ...]]:
    """Read files below a directory in blocks, one block at a time."""
    block: list[ImageFile] = []
    size = 0
    for path in paths:
        block.append(read_file(images, path))
        size += len(block[-1].content)
        if len(block) == BLOCK_FILES or size >= BLOCK_BYTES:
            yield tuple(block)
            block, size = [], 0
    if block:
        yield tuple(block)


def describe_block(block: Iterable[ImageFile]) -> list[dict[str, Any]]:
    """Return a row of the manifest for each file."""
    return [describe_image(file) for file in block]


def describe_image(file: ImageFile) -> dict[str, Any]:
    """Return one row of the manifest: the columns of `data.manifest.table.COLUMN_TYPES` as plain Python values."""
    path, content = file
    folders = (*path.split("/")[:-1], "", "")
    row: dict[str, Any] = {
        "path": path,
        "split": folders[0],
        "label": folders[1],
        "bytes": len(content),
        "file_sha256": hashlib.sha256(content).hexdigest(),
    }
    return row | _describe_content(content)


def _describe_content(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {
        "format": "",
        "mode": "",
        "width": 0,
        "height": 0,
        "decodable": False,
        "gray": False,
        "converted": "",
        "pixel_sha256": "",
        "perceptual_hash": "",
        "mirrored_hash": "",
        **dict.fromkeys(MEASURES, math.nan),
    }
    image = _open_image(content)
    if image is None:
        return found
    found |= {"format": image.format, "mode": image.mode, "width": image.width, "height": image.height}
    plain = _load(image)
    if plain is None or breaks_off(content, image.mode):
        return found
    return found | _describe_pixels(image, plain) | {"decodable": True}


def _open_image(content: bytes) -> Image.Image | None:
    """Read an image's header, or return None if the file is not an image.

    The readers of the formats are called directly, because `Image.open` refuses a header with too many pixels before it
    tells how many. For damaged files Pillow raises a dozen kinds of exception, such as struct.error and zlib.error;
    here and in `_load`, all of them mean that the file is damaged.
    """
    for read_header in (JpegImagePlugin.JpegImageFile, PngImagePlugin.PngImageFile):
        try:
            return read_header(io.BytesIO(content))
        except Exception as error:
            logger.debug("no image: %s", error)
    return None


def _load(image: Image.Image) -> Image.Image | None:
    """Decode an opened image as 8-bit gray or RGB, or return None if it is damaged or too large."""
    if image.width * image.height > LARGEST_IMAGE_PIXELS:
        return None
    try:
        image.load()
        return to_plain(image)
    except Exception as error:
        logger.debug("not decodable: %s", error)
        return None


def breaks_off(content: bytes, mode: str) -> bool:
    """Tell whether the data of a JPEG breaks off or is damaged inside; Pillow decodes such a file with a gray rest.

    Args:
        content: of the file; one that is no JPEG never breaks off.
        mode: of the decoded image, as Pillow names it.
    """
    import simplejpeg

    if not content.startswith(JPEG_START):
        return False
    try:
        simplejpeg.decode_jpeg(content, colorspace="CMYK" if mode == "CMYK" else "GRAY", strict=True)
    except ValueError as error:
        return any(damage in str(error) for damage in DAMAGES)
    return False


def _describe_pixels(image: Image.Image, plain: Image.Image) -> dict[str, Any]:
    gray = plain.convert("L")
    is_gray, pixels = _is_gray(plain), np.asarray(gray)
    seen = pixels if is_gray else np.asarray(plain)
    return {
        "width": plain.width,
        "height": plain.height,
        "gray": is_gray,
        "converted": ", ".join(list_conversions(image)),
        "pixel_sha256": hashlib.sha256(f"{gray.width}x{gray.height}:".encode() + seen.tobytes()).hexdigest(),
        "perceptual_hash": str(imagehash.phash(gray)),
        "mirrored_hash": str(imagehash.phash(ImageOps.mirror(gray))),
        **measure_pixels(pixels),
    }


def measure_pixels(pixels: NDArray[np.uint8]) -> dict[str, float]:
    """Measure one image for the comparison of splits and data sets.

    Args:
        pixels: gray, uint8 of shape (height, width).

    Returns:
        `MEASURES`, as `data.manifest.table.COLUMN_TYPES` describes them.
    """
    from scipy import ndimage

    levels = pixels.astype(np.float32)
    counts = np.bincount(pixels.ravel(), minlength=256)
    return {
        **_measure_histogram(counts),
        "sharpness": float(ndimage.laplace(levels).var(dtype=np.float64)),
        "noise": _estimate_noise(levels),
        "blockiness": _measure_blockiness(levels),
        "edge_brightness": _measure_edge(levels),
    }


def _measure_histogram(counts: NDArray[np.int64]) -> dict[str, float]:
    """Compute the statistics that depend only on the histogram of the 256 gray levels."""
    shares = counts / counts.sum()
    mean = float(shares @ GRAY_LEVELS)
    deviations = GRAY_LEVELS - mean
    deviation = math.sqrt(float(shares @ deviations**2))
    present = shares[shares > 0]
    return {
        "mean": mean,
        "standard_deviation": deviation,
        "skewness": float(shares @ deviations**3) / deviation**3 if deviation > 0 else 0.0,
        "entropy": abs(float(present @ np.log2(present))),
    }


def _estimate_noise(levels: NDArray[np.float32]) -> float:
    """Return the standard deviation of the noise in gray levels, 0 for an image narrower than 3 pixels.

    Source: J. Immerkaer, Fast Noise Variance Estimation, Computer Vision and Image Understanding 64 (1996). Its mask is
    the second difference along both axes, which hardly responds to edges and slopes.
    """
    residual = np.diff(np.diff(levels, n=2, axis=0), n=2, axis=1)
    return float(np.abs(residual).mean()) * math.sqrt(math.pi / 2) / 6 if residual.size else 0.0


def _measure_blockiness(levels: NDArray[np.float32]) -> float:
    """Return the mean step between neighbours across JPEG block borders, divided by the mean of all other steps.

    The result is 1 if there is no step at the borders, or none elsewhere.
    """
    across, within, across_count, within_count = 0.0, 0.0, 0, 0
    for steps in (np.abs(np.diff(levels, axis=0)), np.abs(np.diff(levels, axis=1)).T):
        borders = steps[BLOCK - 1 :: BLOCK]
        across, across_count = across + float(borders.sum()), across_count + borders.size
        within, within_count = within + float(steps.sum()), within_count + steps.size
    within, within_count = within - across, within_count - across_count
    return (across / across_count) / (within / within_count) if across and within else 1.0


def _measure_edge(levels: NDArray[np.float32]) -> float:
    """Return the mean of the outermost ring of pixels minus the mean of the whole picture, in gray levels."""
    inner = levels[1:-1, 1:-1]
    total = float(levels.sum(dtype=np.float64))
    ring = levels.size - inner.size
    return (total - float(inner.sum(dtype=np.float64))) / ring - total / levels.size


def _is_gray(image: Image.Image) -> bool:
    """Tell whether a plain image is gray, in one channel or in three equal ones."""
    if image.mode == "L":
        return True
    channels = np.asarray(image)
    return bool((channels == channels[:, :, :1]).all())
