"""Encode images for HTML pages."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

OVERLAY_SIZE = 96
"""Side of an overlay in pixels: twice a face's, so that the coarse map is smooth and the file stays small."""


def enlarge(plane: NDArray) -> NDArray:
    """Return a float plane of any size as float32 (96, 96), interpolated."""
    picture = Image.fromarray(plane.astype(np.float32))
    return np.asarray(picture.resize((OVERLAY_SIZE, OVERLAY_SIZE), Image.Resampling.BILINEAR))


def encode_png(pixels: NDArray) -> str:
    """Return uint8 pixels as a PNG data URI: (height, width) gray, with 2 channels gray and opacity, with 3 RGB."""
    return encode_image(Image.fromarray(np.ascontiguousarray(pixels)))


def encode_image(image: Image.Image) -> str:
    """Return a picture as a PNG data URI."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
