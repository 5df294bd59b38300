"""Crop of a found face as the training images are, and the judgement whether it can be scored."""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.base.data_format import DataFormat
from data.manifest.face_columns import SMALLEST_FACE_SIDE
from data.photos.found_face import FoundFace

CropOutcome = Literal["scored", "too_small", "cut_off", "turned_away"]

MARGIN = 1.004
"""Side of the crop over the longer side of the detector's box. Source: `python -m benchmarks.champion.face_crops`, the
median over 1,924 training images of FER2013, which are such crops already."""

RAISE = -0.008
"""How far the middle of the crop lies below that of the box, over the longer side of the box. Source: as above."""

BLURRED_SIDE = 48
"""Side of the crop below which a note says that the face is small: it has fewer pixels than the training images."""

LARGEST_SHARE_OUTSIDE = 0.3
"""Share of the detector's box outside the photo above which a face is not scored. Source: a network's accuracy on 1,500
validation images of FER2013, which was 62.3 % whole, 57.7 with a fifth cut off, 53.8 with 0.3 and 45.5 with 0.4."""

FRONTAL_NOSE = (-0.1, 1.1)
"""Place of the nose between the eyes, 0 at the right eye and 1 at the left one, of all but 1 % of the training images
of FER2013 (-0.14 to 1.01), taken symmetric; the nose of a face seen from the side lies beyond."""

NOTED_TILT_DEGREES = 20
"""Tilt above which a note says that the crop was turned; about nine of ten training images have less."""


def crop_face(pixels: NDArray[np.uint8], face: FoundFace, data_format: DataFormat) -> NDArray[np.uint8]:
    """Crop a face as the training images are: the eyes level, with their margin, antialiased.

    Args:
        pixels: the photo, uint8 (height, width, 3), 0..255, RGB, upright.
        face: from `data.photos.detector.FaceFinder` on this photo.
        data_format: size and colour of the crop; what lies outside the photo repeats its edge.

    Returns:
        uint8 (height, width, channels), 0..255.
    """
    import cv2

    side = measure_side(face)
    rows, columns = data_format.height, data_format.width
    scale = min(rows, columns) / side
    # Warping takes single pixels: it makes a picture of about the photo's resolution, which is then averaged.
    finer = max(1, math.ceil(1 / scale))
    size = (columns * finer, rows * finer)
    warped = cv2.warpAffine(
        pixels,
        _crop_matrix(face, side, scale * finer, size),
        size,
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    image = Image.fromarray(warped).convert("L" if data_format.channels == 1 else "RGB")
    return np.asarray(image.resize((columns, rows), Image.Resampling.LANCZOS)).reshape(data_format.shape)


def judge_face(face: FoundFace, width: int, height: int) -> tuple[CropOutcome, tuple[str, ...]]:
    """Tell whether a face can be scored, and what makes its answer weaker.

    Args:
        face: found in a photo.
        width: of the photo, in pixels.
        height: of the photo, in pixels.

    Returns:
        The outcome, "scored" if nothing speaks against it, and notes.
    """
    side, outside, nose, tilt = (
        measure_side(face),
        _share_outside(face, width, height),
        place_nose(face),
        measure_tilt(face),
    )
    notes = []
    if side < BLURRED_SIDE:
        notes.append(f"small: {side:.0f} pixels")
    if outside > 0.05:
        notes.append(f"{100 * outside:.0f} % outside the photo")
    if abs(tilt) > NOTED_TILT_DEGREES:
        notes.append(f"tilted by {tilt:.0f} degrees")
    if side < SMALLEST_FACE_SIDE:
        return "too_small", tuple(notes)
    if outside > LARGEST_SHARE_OUTSIDE:
        return "cut_off", tuple(notes)
    if not FRONTAL_NOSE[0] <= nose <= FRONTAL_NOSE[1]:
        return "turned_away", (*notes, "seen from the side")
    return "scored", tuple(notes)


def measure_side(face: FoundFace) -> float:
    """Return the side of a face's crop in pixels of the photo."""
    return MARGIN * max(face.box.width, face.box.height)


def measure_tilt(face: FoundFace) -> float:
    """Return the angle of the line through the eyes in degrees, -180..180; positive: turned clockwise as seen."""
    right, left = face.landmarks[:2]
    return math.degrees(math.atan2(left[1] - right[1], left[0] - right[0]))


def place_nose(face: FoundFace) -> float:
    """Return where the tip of the nose lies along the line through the eyes: 0 at the right eye, 1 at the left one."""
    right, left, nose = (np.array(point) for point in face.landmarks[:3])
    eyes = left - right
    return float((nose - right) @ eyes / max(float(eyes @ eyes), 1e-6))


def _crop_matrix(face: FoundFace, side: float, scale: float, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the 2x3 matrix from pixels of the photo to those of the crop, in which the eyes are level."""
    angle = math.radians(measure_tilt(face))
    turn = scale * np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    box = face.box
    middle = np.array([box.left + box.width / 2, box.top + box.height / 2])
    down = np.array([-math.sin(angle), math.cos(angle)]) * RAISE * side / MARGIN
    # Half a pixel: OpenCV counts from the middle of the first pixel, boxes from its corner.
    shift = (np.array(size) - 1) / 2 - turn @ (middle + down - 0.5)
    return np.column_stack([turn, shift])


def _share_outside(face: FoundFace, width: int, height: int) -> float:
    """Return the share of a face's box that lies outside the photo, 0..1."""
    box = face.box
    across = min(box.left + box.width, width) - max(box.left, 0.0)
    down = min(box.top + box.height, height) - max(box.top, 0.0)
    return 1 - max(across, 0.0) * max(down, 0.0) / (box.width * box.height)
