"""What one image file is: the row of a manifest, and the child command that describes a share of a directory.

`python -m data.describe IMAGES SHARE SHARES` describes every SHARES-th file from number SHARE on and prints the rows as
events. It knows nothing of pandas, which would double its start.
"""

import hashlib
import io
import logging
import math
import sys
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
from PIL import Image
from scipy import ndimage

from data.child import emit, run_child
from data.errors import PipelineError

logger = logging.getLogger(__name__)

FORMATS = ("JPEG", "PNG")
LARGEST_IMAGE_PIXELS = 2**24
"""More pixels than this are not decoded: a face has some thousand, a decompression bomb hundreds of millions."""

ROWS_PER_EVENT = 500


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


def describe_share(images: Path, paths: list[str], share: int, shares: int) -> list[dict[str, Any]]:
    """Describe every `shares`-th of these files, from number `share` on."""
    return [describe_image(images, path) for path in paths[share::shares]]


def describe_image(images: Path, path: str) -> dict[str, Any]:
    """Return one row of the manifest.

    Args:
        images: the data set's root.
        path: the file's relative POSIX path.

    Returns:
        The columns of `data.manifest.COLUMN_TYPES` as plain Python values.
    """
    content = (images / path).read_bytes()
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
        "pixel_sha256": "",
        "perceptual_hash": "",
        "mean": math.nan,
        "standard_deviation": math.nan,
        "sharpness": math.nan,
    }
    image = _open_image(content)
    if image is None:
        return found
    found |= {"format": image.format, "mode": image.mode, "width": image.width, "height": image.height}
    return found | _describe_pixels(image) | {"decodable": True} if _load(image) else found


def _open_image(content: bytes) -> Image.Image | None:
    """Return the image with its header read, or None where there is none.

    Damaged files make Pillow raise a dozen kinds of exception, struct.error and zlib.error among them: here and in
    `_load` every one means the same.
    """
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except Exception as error:
        logger.debug("no image: %s", error)
        return None


def _load(image: Image.Image) -> bool:
    """Decode an opened image, and tell whether it is whole and of a sane size."""
    if image.width * image.height > LARGEST_IMAGE_PIXELS:
        return False
    try:
        image.load()
    except Exception as error:
        logger.debug("not decodable: %s", error)
        return False
    return True


def _describe_pixels(image: Image.Image) -> dict[str, Any]:
    gray = image.convert("L")
    pixels = np.asarray(gray)
    return {
        "gray": _is_gray(image),
        "pixel_sha256": hashlib.sha256(f"{gray.width}x{gray.height}:".encode() + pixels.tobytes()).hexdigest(),
        "perceptual_hash": str(imagehash.phash(gray)),
        "mean": float(pixels.mean()),
        "standard_deviation": float(pixels.std()),
        "sharpness": float(ndimage.laplace(pixels.astype(np.float32)).var(dtype=np.float64)),
    }


def _is_gray(image: Image.Image) -> bool:
    """Tell whether an image is gray with 8 bits a pixel, however many channels it is stored with."""
    if image.mode == "L":
        return True
    if image.mode.startswith(("I", "F")):
        return False
    channels = np.asarray(image.convert("RGB"))
    return bool((channels == channels[:, :, :1]).all())


def main() -> None:
    """Describe this command's share of the files and print the rows as events."""
    images, share, shares = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    rows = describe_share(images, list_files(images), share, shares)
    for start in range(0, len(rows), ROWS_PER_EVENT):
        emit("rows", rows=rows[start : start + ROWS_PER_EVENT])


if __name__ == "__main__":
    run_child(main)
