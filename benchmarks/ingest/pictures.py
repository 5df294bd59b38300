"""Any number of different faces as one Parquet file: mixtures of generated faces in different light.

The sample's faces take 5 ms each, an hour for a million. Here each image is a mixture of two of them under a smooth
random light with noise. Faces so alike have more candidates for near-duplicates than photos of different people have.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from data.base.data_format import SEED_FORMAT
from data.sample.faces import draw_face

FACES_PER_CLASS = 500
IMAGES_PER_BATCH = 1_000
LIGHT_POINTS = 4
LIGHT_LEVELS, NOISE_LEVELS = 40.0, 4.0
"""Standard deviations of light and noise in gray levels."""
JPEG_QUALITY = 90

SPLITS, SHARES = ("train", "validation", "test"), (0.8, 0.15, 0.05)

SCHEMA = pa.schema(
    [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("label", pa.string()),
        ("split", pa.string()),
    ]
)


def write_pictures(path: Path, images: int) -> None:
    """Write this number of images, equally many of each class; a larger number begins with the same whole batches."""
    faces = [
        np.stack([draw_face(label, np.random.default_rng([0, number])) for number in range(FACES_PER_CLASS)])
        for label in SEED_FORMAT.labels
    ]
    with pq.ParquetWriter(path, SCHEMA) as writer:
        for start in range(0, images, IMAGES_PER_BATCH):
            rows = list(_draw_rows(faces, start, min(IMAGES_PER_BATCH, images - start)))
            writer.write_batch(pa.RecordBatch.from_pylist(rows, SCHEMA))


def _draw_rows(faces: list[NDArray[np.uint8]], start: int, count: int) -> Iterator[dict[str, object]]:
    rng = np.random.default_rng([1, start])
    splits = rng.choice(SPLITS, count, p=SHARES)
    for number, (pixels, split) in enumerate(zip(_draw_batch(faces, rng, count), splits, strict=True), start):
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, "JPEG", quality=JPEG_QUALITY)
        yield {
            "image": {"bytes": content.getvalue(), "path": f"{number}.jpg"},
            "label": SEED_FORMAT.labels[number % len(faces)],
            "split": split,
        }


def _draw_batch(faces: list[NDArray[np.uint8]], rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    """Return uint8 (count, 48, 48); image N is of class N modulo the number of classes."""
    side = faces[0].shape[1]
    label = np.arange(count) % len(faces)
    by_class = np.stack(faces)
    first, second = by_class[label, rng.integers(FACES_PER_CLASS, size=(2, count))].astype(np.float32)
    share = rng.uniform(0.2, 0.8, (count, 1, 1)).astype(np.float32)
    light = rng.normal(0, LIGHT_LEVELS, (count, LIGHT_POINTS, LIGHT_POINTS))
    points = np.linspace(0, LIGHT_POINTS - 1, side)
    spread = np.stack([np.interp(points, np.arange(LIGHT_POINTS), unit) for unit in np.eye(LIGHT_POINTS)], axis=1)
    noise = rng.normal(0, NOISE_LEVELS, (count, side, side))
    mixed = share * first + (1 - share) * second + spread @ light @ spread.T + noise
    return mixed.clip(0, 255).astype(np.uint8)
