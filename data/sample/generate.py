"""Sample data set: generated gray faces with the four expressions, in the folder layout of the real data set."""

import logging
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from data.base.data_format import SEED_FORMAT
from data.base.parts import SPLITS
from data.base.record import Record
from data.sample.canvas import FACE_SIDE
from data.sample.faces import draw_face

logger = logging.getLogger(__name__)

JPEG_QUALITY = 95

PLANTED_FAULTS = {
    "duplicate_across_splits": 4,
    "label_conflict": 2,
    "blank": 2,
    "truncated": 1,
}
"""Number of extra files in a sample with faults, by kind of fault; it does not depend on the size of the sample.

One train image of each class is copied to validation, two train images are copied under a second label in train, one
image in train and one in validation are blank, and one train file is truncated.
"""


class SampleConfig(Record):
    """Sizes and seed of the generated sample."""

    train_per_class: int = Field(default=300, ge=2, le=10_000, description="train images of each class")
    validation_per_class: int = Field(default=100, ge=1, le=10_000, description="validation images of each class")
    test_per_class: int = Field(default=32, ge=1, le=10_000, description="test images of each class")
    seed: int = Field(default=42, ge=0, description="seed of every face; image N of a class depends on this alone")
    faults: bool = Field(default=True, description="plant the few faults that validation has to find")

    def images_per_class(self, split: str) -> int:
        """Return the number of images without faults of each class in a split."""
        return {"train": self.train_per_class, "validation": self.validation_per_class, "test": self.test_per_class}[
            split
        ]


def generate_sample(out: Path, config: SampleConfig) -> None:
    """Write a generated data set as `out/<split>/<label>/N.jpg`, with equal bytes for an equal configuration.

    Args:
        out: the data set's root; made if it is missing.
        config: sizes, seed, and whether `PLANTED_FAULTS` are added to the sound images.
    """
    for split_index, split in enumerate(SPLITS):
        for label_index, label in enumerate(SEED_FORMAT.labels):
            folder = out / split / label
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(1, config.images_per_class(split) + 1):
                rng = np.random.default_rng([config.seed, split_index, label_index, number])
                _save(draw_face(label, rng), folder / f"{number}.jpg")
    if config.faults:
        _plant_faults(out)
    logger.info("generated a sample of %d images a class in %s", config.train_per_class, out)


def _save(pixels: NDArray[np.uint8], path: Path) -> None:
    Image.fromarray(pixels).save(path, quality=JPEG_QUALITY)


def _plant_faults(out: Path) -> None:
    """Add the files of `PLANTED_FAULTS`, each under the next free number of its folder."""
    for label in SEED_FORMAT.labels:
        shutil.copyfile(out / "train" / label / "1.jpg", _next_path(out / "validation" / label))
    shutil.copyfile(out / "train" / "happy" / "2.jpg", _next_path(out / "train" / "neutral"))
    shutil.copyfile(out / "train" / "sad" / "2.jpg", _next_path(out / "train" / "surprise"))
    for split, label, tone in (("train", "happy", 0), ("validation", "sad", 128)):
        _save(np.full((FACE_SIDE, FACE_SIDE), tone, np.uint8), _next_path(out / split / label))
    whole = (out / "train" / "neutral" / "2.jpg").read_bytes()
    _next_path(out / "train" / "neutral").write_bytes(whole[: len(whole) // 2])


def _next_path(folder: Path) -> Path:
    return folder / f"{len(list(folder.glob('*.jpg'))) + 1}.jpg"
