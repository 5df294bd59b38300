"""Frames of a video, one every so many seconds."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base.errors import PipelineError
from data.photos.reading import PhotoLimits, PhotoRefused

MILLISECOND = 1e-3


def read_frames(
    path: Path, every_seconds: float, limits: PhotoLimits = PhotoLimits()
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Read frames of a video, the first one at its start.

    Frames between them are passed over without being decoded where the codec allows it. A jump to a time would be
    faster for long steps, but lands on the wrong frame in many videos.

    Args:
        path: of the video.
        every_seconds: least time between two frames, above 0.
        limits: most pixels of a frame.

    Yields:
        The time of the frame in seconds and its pixels: uint8 (height, width, 3), RGB, turned as the video says.

    Raises:
        PhotoRefused: the file is missing or is no video, or its frames have too many pixels.
        PipelineError: OpenCV is not installed.
    """
    cv2 = _import_opencv()
    if not path.is_file():
        raise PhotoRefused(f"{path} is no file, expected a video: check the path", "unavailable")
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    try:
        pixels = video.get(cv2.CAP_PROP_FRAME_WIDTH) * video.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if pixels > limits.max_pixels:
            raise PhotoRefused(
                f"{path} has frames of {pixels:,.0f} pixels, expected at most {limits.max_pixels:,}: make it smaller",
                "too_large",
            )
        due = 0.0
        while video.grab():
            seconds = max(0.0, video.get(cv2.CAP_PROP_POS_MSEC) * MILLISECOND)
            good, frame = video.retrieve() if seconds + MILLISECOND >= due else (False, None)
            if good:
                yield seconds, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                due = (math.floor((seconds + MILLISECOND) / every_seconds) + 1) * every_seconds  # no drift
        if not due:
            raise PhotoRefused(f"{path} has no frame that can be decoded, expected a video: convert it to MP4 (H.264)")
    finally:
        video.release()


def _import_opencv() -> Any:
    """Return the module cv2.

    Raises:
        PipelineError: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise PipelineError(
            "got no OpenCV, which reads videos, expected the extra photos: install the package with "
            'pip install "emotion-retraining[photos,serve]", or run make in a checkout'
        ) from error
    return cv2
