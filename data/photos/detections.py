"""Rows of the face detector: moved between pictures, freed of repeats, and read as faces."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.photos.found_face import Box, FoundFace

Rows = NDArray[np.float64]
"""(faces, 15): left, top, width and height of the box, x and y of five landmarks, certainty. The box of a face that was
found in a turned picture keeps the width and height that it has there, around its middle."""

LARGEST_OVERLAP = 0.3
"""Intersection over union of two boxes above which they are of one face."""

LARGEST_INSIDE = 0.7
"""Share of the smaller of two boxes inside the other above which they are of one face."""

ROI_REACH = 0.75
"""Half the side of the square that holds a unit square however it is turned, with some room."""


def middles(rows: Rows) -> NDArray[np.float64]:
    """Return the middles of the boxes: (faces, 2)."""
    return rows[:, :2] + rows[:, 2:4] / 2


def move_rows(rows: Rows, matrix: NDArray[np.float64]) -> Rows:
    """Move detections into another picture.

    Args:
        rows: in pixels of the picture in which they were found.
        matrix: (2, 3), from its pixels to those of the other picture; a turn with one scale for each axis.
    """
    linear, shift = matrix[:, :2], matrix[:, 2]
    moved = rows.copy()
    moved[:, 2:4] = rows[:, 2:4] * np.hypot(*linear)
    moved[:, :2] = middles(rows) @ linear.T + shift - moved[:, 2:4] / 2
    moved[:, 4:14] = (rows[:, 4:14].reshape(-1, 5, 2) @ linear.T + shift).reshape(-1, 10)
    return moved


def drop_repeated(rows: Rows) -> Rows:
    """Keep one detection a face, the most certain one."""
    kept: list[NDArray[np.float64]] = []
    for row in rows[np.argsort(-rows[:, 14], kind="stable")]:
        if not any(_is_same_face(row, other) for other in kept):
            kept.append(row)
    return np.array(kept).reshape(-1, 15)


def _is_same_face(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    low = np.maximum(one[:2], other[:2])
    high = np.minimum(one[:2] + one[2:4], other[:2] + other[2:4])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    areas = float(np.prod(one[2:4])), float(np.prod(other[2:4]))
    return shared > LARGEST_OVERLAP * (sum(areas) - shared) or shared > LARGEST_INSIDE * min(areas)


def cut_turned(
    photo: NDArray[np.uint8], middle: NDArray[np.float64], side: float, degrees: float, out_side: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Cut a square out of a photo, turned and scaled; what lies outside the photo repeats its edge.

    Args:
        photo: uint8 (height, width, 3).
        middle: (x, y) of the square in the photo.
        side: of the square in pixels of the photo.
        degrees: by which what is shown is turned clockwise in the photo, and level in the result.
        out_side: side of the result in pixels.

    Returns:
        The square, uint8 (out_side, out_side, 3), and the (2, 3) matrix from its pixels to those of the photo.
    """
    import cv2

    low = np.clip(np.floor(middle - ROI_REACH * side), 0, np.array(photo.shape[1::-1]) - 1).astype(int)
    high = np.clip(np.ceil(middle + ROI_REACH * side), low + 1, np.array(photo.shape[1::-1])).astype(int)
    part = photo[low[1] : high[1], low[0] : high[0]]
    scale = out_side / side
    if scale < 1:  # turning takes single pixels; this averages them before
        size = np.maximum(1, np.rint((high - low) * scale)).astype(int)
        part = cv2.resize(part, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    shrink = np.array(part.shape[1::-1]) / (high - low)
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    to_photo = np.column_stack([turn / scale, middle - turn @ np.full(2, out_side / 2) / scale])
    to_part = np.column_stack([np.diag(shrink) @ to_photo[:, :2], shrink * (to_photo[:, 2] - low)])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(part, to_part, (out_side, out_side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8), to_photo


def to_faces(rows: Rows) -> tuple[FoundFace, ...]:
    """Return detections as faces, from left to right."""
    ordered = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    return tuple(_to_face(row.tolist()) for row in ordered)


def _to_face(row: list[float]) -> FoundFace:
    landmarks: Any = tuple(zip(row[4:14:2], row[5:14:2], strict=True))
    box = Box(left=row[0], top=row[1], width=max(row[2], 1e-3), height=max(row[3], 1e-3))
    return FoundFace(box=box, certainty=min(1.0, max(0.0, row[14])), landmarks=landmarks)
