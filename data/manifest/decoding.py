"""Decoding of image files to gray, and of perceptual hashes to bits."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from data.base.errors import PipelineError

HASH_BITS = 64


def read_gray(path: Path) -> Image.Image:
    """Decode an image file as 8-bit gray.

    Raises:
        PipelineError: the file is missing or cannot be decoded.
    """
    try:
        with Image.open(path) as image:
            return image.convert("L")
    except (OSError, ValueError) as error:
        raise PipelineError(f"{path} cannot be decoded ({error}): build and clean the manifest again") from error


def decode_hashes(hashes: pd.Series) -> NDArray[np.uint8]:
    """Return 16-digit hexadecimal hashes as bytes: uint8 (hashes, 8)."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint8).reshape(-1, HASH_BITS // 8)


def unpack_hashes(hashes: pd.Series) -> NDArray[np.uint8]:
    """Return the bits of 16-digit hexadecimal hashes: uint8 (hashes, 64), 0 or 1."""
    return np.unpackbits(decode_hashes(hashes), axis=1)
