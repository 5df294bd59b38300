"""The same few images in every layout that a source may have."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.support.image_tree import make_pixels
from tests.support.seed_format import CLASSES

SPLITS = ("train", "validation", "test")


class Drawn(NamedTuple):
    """An image and what it shows."""

    split: str
    label: str
    pixels: np.ndarray

    @property
    def png(self) -> bytes:
        """The image as a PNG file."""
        file = io.BytesIO()
        Image.fromarray(self.pixels).save(file, "PNG")
        return file.getvalue()

    @property
    def levels(self) -> str:
        """The image as in fer2013.csv."""
        return " ".join(map(str, self.pixels.flatten().tolist()))


def draw_images(images_per_class: int = 2, seed: int = 0) -> list[Drawn]:
    """Draw images of each class in each split."""
    random = np.random.default_rng(seed)
    return [
        Drawn(split, label, make_pixels(random))
        for split in SPLITS
        for label in CLASSES
        for _ in range(images_per_class)
    ]


def write_rows(path: Path, rows: Iterable[Iterable[object]], delimiter: str = ",") -> Path:
    """Write a CSV, its header being the first row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def write_folders(root: Path, images: list[Drawn]) -> Path:
    """Write folders SPLIT/CLASS."""
    for number, image in enumerate(images):
        path = root / image.split / image.label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.png)
    return root


def write_pixels(root: Path, images: list[Drawn]) -> Path:
    """Write fer2013.csv, with its names of splits and the seed's labels."""
    usage = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}
    rows = [(image.label, image.levels, usage[image.split]) for image in images]
    return write_rows(root / "fer2013.csv", [("emotion", "pixels", "Usage"), *rows]).parent


def write_list(root: Path, images: list[Drawn]) -> Path:
    """Write images.csv beside a folder of all images."""
    rows = [(f"faces/{number}.png", image.label, image.split) for number, image in enumerate(images)]
    for (name, *_), image in zip(rows, images, strict=True):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(image.png)
    return write_rows(root / "images.csv", [("path", "label", "split"), *rows]).parent


def make_table(images: list[Drawn], with_split: bool = False) -> pa.Table:
    """Return images as Hugging Face stores them: structs, numbers, and the numbers' names beside the columns."""
    names = list(CLASSES)
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    columns: dict[str, list] = {
        "image": [{"bytes": image.png, "path": f"{number}.png"} for number, image in enumerate(images)],
        "label": [names.index(image.label) for image in images],
    }
    if with_split:
        columns["split"] = [image.split for image in images]
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.table(columns).replace_schema_metadata(metadata)


def write_parquet_folder(root: Path, images: list[Drawn]) -> Path:
    """Write Parquet files as a repository of Hugging Face has them: a split in several files."""
    (root / "data").mkdir(parents=True)
    for split in SPLITS:
        own = [image for image in images if image.split == split]
        for part, chosen in enumerate((own[::2], own[1::2])):
            pq.write_table(make_table(chosen), root / "data" / f"{split}-{part:05d}-of-00002.parquet")
    (root / "README.md").write_text("faces")
    return root


def write_parquet_splits(root: Path, images: list[Drawn]) -> Path:
    """Write Parquet files in folders named as splits."""
    for split in SPLITS:
        (root / split).mkdir(parents=True)
        pq.write_table(make_table([image for image in images if image.split == split]), root / split / "0000.parquet")
    return root


def write_parquet_file(root: Path, images: list[Drawn]) -> Path:
    """Write one Parquet file with a column for the split."""
    root.mkdir(parents=True)
    pq.write_table(make_table(images, with_split=True), root / "faces.parquet")
    return root


LAYOUTS: dict[str, Callable[[Path, list[Drawn]], Path]] = {
    "folders": write_folders,
    "pixels": write_pixels,
    "list": write_list,
    "parquet folder": write_parquet_folder,
    "parquet splits": write_parquet_splits,
    "parquet file": write_parquet_file,
}
"""Writers of a source: each makes the folder and returns it."""


def pack(folder: Path, archive: Path, below: str = "") -> Path:
    """Write the files of a folder into a zip, in a folder of it if one is named."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                opened.write(path, f"{below}{path.relative_to(folder).as_posix()}")
    return archive
