"""A directory of TFRecords with a few easy images, for trainings of seconds."""

from pathlib import Path

import numpy as np

from data.base.data_format import SEED_FORMAT
from data.views.tfrecords import ShardKey, write_index, write_records
from tests.support.seed_format import CLASSES, IMAGE_SIZE

IMAGES = {"train": 96, "selection": 24, "validation": 40, "test": 16}


def write_tiny_views(directory: Path, views: int = 2, seed: int = 0) -> Path:
    """Write noisy images whose brightest quarter is their class, so that two epochs learn something."""
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    files = []
    for part, count in IMAGES.items():
        labels = np.arange(count) % len(CLASSES)
        for view in range(views if part == "train" else 1):
            ids = [f"{part}/{CLASSES[label]}/{number}.jpg" for number, label in enumerate(labels)]
            images = draw_images(labels, rng)
            files.append(write_records(directory, ShardKey(part, view, 0), images, labels.tolist(), ids))
    write_index(directory, files, SEED_FORMAT)
    return directory


def draw_images(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return uint8 (n, 48, 48, 1): noise, and a bright quarter that depends on the label."""
    images = rng.integers(0, 120, (len(labels), IMAGE_SIZE, IMAGE_SIZE, 1))
    half = IMAGE_SIZE // 2
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[row * half : (row + 1) * half, column * half : (column + 1) * half] += 100
    return images.astype(np.uint8)
