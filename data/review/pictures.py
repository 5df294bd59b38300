"""Images as the page shows them: upright, 8 bits, as PNG, without anything else that the file holds."""

import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.base.errors import PipelineError
from data.manifest.decoding import to_plain

LONGEST_SIDE = 1024
"""Larger images are shown smaller than they are."""


def read_as_png(path: Path) -> bytes:
    """Return an image of the data set as a PNG of at most `LONGEST_SIDE` pixels a side.

    Raises:
        PipelineError: it is missing or cannot be decoded.
    """
    try:
        with Image.open(path) as image:
            plain = to_plain(image)
    except (OSError, ValueError) as error:
        raise PipelineError(f"got {path}, which cannot be decoded ({error}): build the data set again") from error
    if max(plain.size) > LONGEST_SIDE:
        plain.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return encode_png(np.asarray(plain))


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels, uint8 (height, width), or (height, width, 1 or 3), as a PNG."""
    file = io.BytesIO()
    shown = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels
    Image.fromarray(shown).save(file, "PNG")
    return file.getvalue()


def hash_pixels(pixels: NDArray[np.uint8]) -> str:
    """Return the hash of pixels that a manifest has as `pixel_sha256`.

    Args:
        pixels: uint8 (height, width, 1 or 3).
    """
    gray = pixels.shape[-1] == 1 or bool((pixels == pixels[..., :1]).all())
    seen = pixels[..., :1] if gray else pixels
    return hashlib.sha256(f"{pixels.shape[1]}x{pixels.shape[0]}:".encode() + seen.tobytes()).hexdigest()
