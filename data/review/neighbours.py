"""Images of a data set that look most like one of them: by the directions of edges, not by any network."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.base.errors import PipelineError
from data.manifest.decoding import read_gray

logger = logging.getLogger(__name__)

SIDE, CELL, DIRECTIONS = 48, 8, 8
"""Pixels to which a face is scaled, pixels of a cell, and directions of edges that are told apart."""

MOST_IMAGES = 40_000
"""Of a larger data set, every second or third image is compared: 40,000 take 46 MB."""

BATCH = 500


class Neighbour(NamedTuple):
    """An image that looks like another one."""

    row: int
    similarity: float
    """Cosine of the two descriptions, -1..1."""


class Neighbours:
    """Search for the images that look most like one; the first search describes all images, which takes seconds.

    Args:
        images: directory in which the paths start.
        paths: of the images.
    """

    def __init__(self, images: Path, paths: Sequence[str]) -> None:
        self.images, self.paths = images, paths
        step = -(-len(paths) // MOST_IMAGES) if paths else 1
        self.rows = np.arange(0, len(paths), step)
        self._described: NDArray[np.float32] | None = None
        self._lock = threading.Lock()

    def find(self, path: Path, count: int) -> list[Neighbour]:
        """Return the images that look most like a file, the most similar first; the file itself may be among them.

        Raises:
            PipelineError: the file cannot be decoded.
        """
        described, wanted = self.prepare(), describe_faces(_read(path)[None])[0]
        similar = (described @ wanted).astype(np.float64)
        best = np.argsort(-similar, kind="stable")[:count]
        return [Neighbour(int(self.rows[place]), float(similar[place])) for place in best]

    def prepare(self) -> NDArray[np.float32]:
        """Describe all images, unless that was done; meanwhile another call waits for it."""
        with self._lock:
            if self._described is None:
                self._described = self._describe_all()
            return self._described

    def _describe_all(self) -> NDArray[np.float32]:
        parts = []
        for start in range(0, len(self.rows), BATCH):
            paths = [self.paths[int(row)] for row in self.rows[start : start + BATCH]]
            parts.append(describe_faces(np.stack([self._read_or_blank(path) for path in paths])))
        return np.concatenate(parts)

    def _read_or_blank(self, path: str) -> NDArray[np.uint8]:
        try:
            return _read(self.images / path)
        except PipelineError as error:
            logger.warning("no neighbour: %s", error)
            return np.zeros((SIDE, SIDE), np.uint8)


def describe_faces(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Describe faces by how strong the edges of each direction are in each cell of a grid.

    Args:
        faces: gray, uint8 (n, SIDE, SIDE), 0..255.

    Returns:
        float32 (n, cells * DIRECTIONS); each row has mean 0 and length 1, that of a blank face is 0.

    Source:
        Dalal and Triggs 2005, Histograms of oriented gradients for human detection, in its simplest form.
    """
    levels = faces.astype(np.float32)
    down, across = np.gradient(levels, axis=(1, 2))
    strength = np.hypot(down, across)
    direction = np.floor((np.arctan2(down, across) % np.pi) * (DIRECTIONS / np.pi)).astype(np.int8) % DIRECTIONS
    grid = SIDE // CELL
    sums = [
        (strength * (direction == one)).reshape(len(faces), grid, CELL, grid, CELL).sum(axis=(2, 4))
        for one in range(DIRECTIONS)
    ]
    rows = np.sqrt(np.stack(sums, axis=-1).reshape(len(faces), -1))
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _read(path: Path) -> NDArray[np.uint8]:
    image = read_gray(path)
    if image.size != (SIDE, SIDE):
        image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(image)
