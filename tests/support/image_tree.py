"""Small image trees on disk, laid out `<split>/<label>/<N>.jpg`, and manifest frames, both seeded and with faults."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from data.manifest.table import COLUMN_TYPES
from tests.support.seed_format import CLASSES, IMAGE_SIZE

IMAGES_PER_CLASS = {"train": 6, "validation": 4, "test": 3}


def make_pixels(random: np.random.Generator, size: int = IMAGE_SIZE) -> np.ndarray:
    """Return a blotchy gray texture, uint8 of shape (size, size), unlike any other drawn."""
    coarse = random.integers(0, 256, (6, 6), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC), dtype=np.int16)
    return np.clip(smooth + random.integers(-12, 13, (size, size)), 0, 255).astype(np.uint8)


def write_image(path: Path, pixels: np.ndarray) -> Path:
    """Write gray or RGB pixels as JPEG or PNG, by the path's suffix, making its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)  # PNG takes no notice of the quality
    return path


def write_image_tree(
    root: Path, images_per_class: Mapping[str, int] = IMAGES_PER_CLASS, faults: Iterable[str] = (), seed: int = 0
) -> Path:
    """Write a faultless tree with as many images of each class in each split, then plant faults.

    Args:
        root: where the splits' folders go.
        images_per_class: split -> images of each class, files 0.jpg, 1.jpg, ...
        faults: keys of `PLANTERS`.
        seed: of the textures.
    """
    random = np.random.default_rng(seed)
    for split, images in images_per_class.items():
        for label in CLASSES:
            for number in range(images):
                write_image(root / split / label / f"{number}.jpg", make_pixels(random))
    for fault in faults:
        PLANTERS[fault](root, random)
    return root


def make_manifest(rows: Iterable[tuple[str, str, str]]) -> pd.DataFrame:
    """Return the manifest of faultless images that exist nowhere, from (split, label, what the pixels show) rows."""
    frame = pd.DataFrame(rows, columns=["split", "label", "content"])
    digests = pd.Series([hashlib.sha256(str(content).encode()).hexdigest() for content in frame.pop("content")])
    numbers = pd.Series(range(len(frame))).astype("str")
    filled = frame.assign(
        path=frame["split"] + "/" + frame["label"] + "/" + numbers + ".jpg",
        bytes=1_500,
        format="JPEG",
        mode="L",
        width=IMAGE_SIZE,
        height=IMAGE_SIZE,
        decodable=True,
        gray=True,
        converted="",
        file_sha256=digests,
        pixel_sha256=digests,
        perceptual_hash=digests.str[:16],
        mirrored_hash=digests.str[16:32],
        mean=127.0,
        standard_deviation=60.0,
        sharpness=900.0,
        noise=4.0,
        blockiness=1.0,
        entropy=7.0,
        skewness=-0.3,
        edge_brightness=-10.0,
    )
    return filled[list(COLUMN_TYPES)].astype(COLUMN_TYPES)


def _plant_truncated(root: Path, random: np.random.Generator) -> None:
    path = write_image(root / "train/happy/truncated.jpg", make_pixels(random))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _plant_colour(root: Path, random: np.random.Generator) -> None:
    write_image(root / "train/happy/colour.png", random.integers(0, 256, (IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8))


def _plant_blank(root: Path, random: np.random.Generator) -> None:
    gray_level = int(random.integers(0, 256))
    write_image(root / "train/sad/blank.jpg", np.full((IMAGE_SIZE, IMAGE_SIZE), gray_level, dtype=np.uint8))


def _plant_wrong_size(root: Path, random: np.random.Generator) -> None:
    write_image(root / "validation/happy/large.jpg", make_pixels(random, size=64))


def _plant_unknown_split(root: Path, random: np.random.Generator) -> None:
    write_image(root / "holdout/happy/0.jpg", make_pixels(random))


def _plant_unknown_class(root: Path, random: np.random.Generator) -> None:
    write_image(root / "train/disgust/0.jpg", make_pixels(random))


def _copier(source: str, target: str) -> Callable[[Path, np.random.Generator], None]:
    def plant(root: Path, random: np.random.Generator) -> None:
        shutil.copyfile(root / source, root / target)

    return plant


PLANTERS: dict[str, Callable[[Path, np.random.Generator], None]] = {
    "truncated": _plant_truncated,
    "colour": _plant_colour,
    "blank": _plant_blank,
    "wrong_size": _plant_wrong_size,
    "unknown_split": _plant_unknown_split,
    "unknown_class": _plant_unknown_class,
    "leaking_train": _copier("validation/happy/0.jpg", "train/happy/leak.jpg"),
    "leaking_validation": _copier("test/sad/0.jpg", "validation/sad/leak.jpg"),
    "label_conflict": _copier("validation/neutral/0.jpg", "validation/surprise/conflict.jpg"),
    "repeated_train": _copier("train/neutral/1.jpg", "train/neutral/repeat.jpg"),
    "repeated_test": _copier("test/neutral/1.jpg", "test/neutral/repeat.jpg"),
}
"""What can be planted; each fault adds one file, and breaks one rule or none."""
