"""Grid on which sample faces are painted.

It has twice the final size and in face coordinates: u to the right and v downwards, the chin at v = 1, so that pose
is one transformation of the grid. Tones are 0 (black) to 1 (white).
"""

import numpy as np
from numpy.typing import NDArray

from data.base.data_format import SEED_FORMAT

Array = NDArray[np.floating]

FACE_SIDE = SEED_FORMAT.height
"""Height and width of a drawn face in pixels."""

SUPERSAMPLING = 2
EDGE = 0.03
"""Width of a painted edge in face units: about one pixel of the finer grid."""


class Canvas:
    """Tones on a grid, with each point's place in the image (x, y in -1..1) and on the face (u, v)."""

    def __init__(self, x: Array, y: Array, u: Array, v: Array, pixels: Array) -> None:
        self.x, self.y, self.u, self.v, self.pixels = x, y, u, v, pixels

    def window(self, u: float, v: float, reach_u: float, reach_v: float) -> "Canvas":
        """Return a view of the rectangle around a feature: painting there paints here, faster for small features."""
        near = (np.abs(self.u - u) < reach_u) & (np.abs(self.v - v) < reach_v)
        rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        if not rows.size:
            rows = columns = np.zeros(1, dtype=int)
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        return Canvas(self.x[box], self.y[box], self.u[box], self.v[box], self.pixels[box])

    def paint(self, mask: Array, tone: float | Array) -> None:
        """Paint a tone over the canvas; the mask (0..1) is its opacity."""
        self.pixels += mask * (tone - self.pixels)

    def blob(self, u: float, v: float, width: float, height: float) -> Array:
        """Return a soft bump of height 1 at a place on the face."""
        return np.exp(-(((self.u - u) / width) ** 2) - ((self.v - v) / height) ** 2)


def inside(distance: Array, edge: float = EDGE) -> Array:
    """Return a mask that is 1 for a negative signed distance, with an edge of this width."""
    return np.clip(0.5 - distance / edge, 0.0, 1.0)


def draw_pose(rng: np.random.Generator) -> Canvas:
    """Lay the face on the image: shift, tilt and size, so varied that few people look like near-duplicates."""
    axis = (np.arange(FACE_SIDE * SUPERSAMPLING, dtype=np.float32) + 0.5) * 2 / (FACE_SIDE * SUPERSAMPLING) - 1
    x, y = np.meshgrid(axis, axis)
    shift_x, shift_y = rng.normal(0.0, 0.08), rng.normal(-0.02, 0.07)
    tilt, size = rng.normal(0.0, np.deg2rad(9.0)), rng.uniform(0.84, 1.18)
    right, down = (x - shift_x) / size, (y - shift_y) / size
    u = right * np.cos(tilt) + down * np.sin(tilt)
    v = down * np.cos(tilt) - right * np.sin(tilt)
    return Canvas(x, y, u.astype(np.float32), v.astype(np.float32), np.zeros_like(x))
