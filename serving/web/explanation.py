"""Explanation of an answer: how much the probability falls if a part of the face is covered."""

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from serving.web.bodies import Upload
from serving.web.messages import Explanation
from serving.web.seen_face import see_face

if TYPE_CHECKING:
    from serving.predictor import Predictor

GRID = 8
"""Places of the cover along each side of the face."""

COVERED_SHARE = 0.25
"""Side of the cover, as a share of the side of the face. An eye or half a mouth is about as large."""

Score = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
"""Takes uint8 (n, height, width, channels), 0..255, and returns probabilities (n, labels)."""


def explain_face(predictor: "Predictor", image: Upload, number: int) -> Explanation:
    """Explain the answer on one face of an image.

    Args:
        predictor: answers on it.
        image: as it was sent.
        number: of the face in the answer, from 0.

    Raises:
        Refused: the image cannot be read, has no such face, or no answer on it.
    """
    seen = see_face(predictor, image, number)
    face, crop = seen.answer, seen.pixels
    data_format, score = predictor.bundle.data_format, predictor.network.probabilities
    return Explanation(
        version=predictor.version,
        label=face.label,
        certainty=face.certainty,
        falls=tuple(tuple(row) for row in find_regions(crop, score).tolist()),
        height=data_format.height,
        width=data_format.width,
        channels=data_format.channels,
        pixels=base64.b64encode(crop.tobytes()).decode(),
    )


def find_regions(face: NDArray[np.uint8], score: Score) -> NDArray[np.float64]:
    """Cover one part of a face after the other, and measure how much the probability of its label falls.

    All covered faces are scored together. The cover has the mean of the face, so that it is neither bright nor dark.

    Args:
        face: uint8 (height, width, channels), 0..255, as the network sees it.
        score: the network.

    Returns:
        float64 (GRID, GRID), -1..1: the probability without a cover minus that with the cover at this place. A part
        that speaks for another label has a negative figure.

    Source:
        Zeiler and Fergus 2014, Visualizing and Understanding Convolutional Networks, section 4.2.
    """
    height, width, _ = face.shape
    covered = np.repeat(face[None], 1 + GRID * GRID, axis=0)
    mean = face.mean(axis=(0, 1)).round().astype(np.uint8)
    for number, (rows, columns) in enumerate(_covers(height, width), start=1):
        covered[number, rows, columns] = mean
    probabilities = score(covered)
    label = int(probabilities[0].argmax())
    return (probabilities[0, label] - probabilities[1:, label]).reshape(GRID, GRID)


def _covers(height: int, width: int) -> list[tuple[slice, slice]]:
    """Return rows and columns of each cover, row by row; those at the edges are cut."""
    return [(rows, columns) for rows in _slices(height) for columns in _slices(width)]


def _slices(side: int) -> list[slice]:
    half = side * COVERED_SHARE / 2
    centres = [(place + 0.5) * side / GRID for place in range(GRID)]
    return [slice(max(0, round(centre - half)), min(side, round(centre + half))) for centre in centres]
