"""Small pictures for the report: train faces of each class with their augmented versions, and single faces by id."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.base.data_format import DataFormat
from data.base.errors import PipelineError
from data.manifest.decoding import read_pixels
from data.views.augment import AugmentConfig, augment_batch

logger = logging.getLogger(__name__)

PICTURES_NAME = "pictures.npz"
FACES_NAME = "faces.npz"
FACES_PER_CLASS = 6
PREVIEWED_VIEW = 1

Decode = Callable[[str], NDArray[np.uint8]]


def write_pictures(
    out: Path, paths_by_class: Sequence[Sequence[str]], decode: Decode, seed: int, augment: AugmentConfig
) -> None:
    """Write `pictures.npz`: samples and augmented, each uint8 (classes, k, height, width) of gray or (..., 3) of
    colour, k the same for every class.

    Args:
        out: directory of the views.
        paths_by_class: train images of each class, in label order; the first few are shown.
        decode: path -> uint8 (height, width, channels).
        seed: of the views.
        augment: ranges of the views.
    """
    shown = min(FACES_PER_CLASS, *(len(paths) for paths in paths_by_class))
    chosen = [path for paths in paths_by_class for path in paths[:shown]]
    if not chosen:
        return
    samples = np.stack([decode(path) for path in chosen])
    augmented = augment_batch(samples, chosen, PREVIEWED_VIEW, seed, augment)
    shape = (len(paths_by_class), shown, *drop_gray_channel(samples).shape[1:])
    np.savez_compressed(out / PICTURES_NAME, samples=samples.reshape(shape), augmented=augmented.reshape(shape))


def drop_gray_channel(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images (n, height, width, channels) as pictures are drawn: gray ones without the last axis."""
    return images[..., 0] if images.shape[-1] == 1 else images


def write_faces(images: Path, image_ids: Sequence[str], data_format: DataFormat, path: Path) -> None:
    """Write named faces as an .npz: image_ids str (n,), and images uint8 (n, height, width) of gray or (..., 3) of RGB.

    A file that was damaged since the training is left out; without any face no file is written.

    Args:
        images: directory that the ids, which are paths, start from.
        image_ids: the faces.
        data_format: size and colour.
        path: of the .npz.
    """
    faces = {}
    for image_id in image_ids:
        try:
            faces[image_id] = read_pixels(images / image_id, data_format)
        except PipelineError as error:
            logger.warning("no picture of %s: %s", image_id, error)
    if faces:
        np.savez_compressed(
            path, images=drop_gray_channel(np.stack(list(faces.values()))), image_ids=np.array(list(faces))
        )
