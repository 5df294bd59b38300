"""Table of the manifest: one row for each image, with what validation, cleaning and partitioning need to know."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from data.base.errors import PipelineError
from data.manifest.measures import MEASURES, describe_block, list_files, read_blocks
from data.system.shard_processes import MapShards

logger = logging.getLogger(__name__)

COLUMN_TYPES = {
    "path": "str",
    "split": "str",
    "label": "str",
    "bytes": "int64",
    "format": "str",
    "mode": "str",
    "width": "int64",
    "height": "int64",
    "decodable": "bool",
    "gray": "bool",
    "converted": "str",
    "file_sha256": "str",
    "pixel_sha256": "str",
    "perceptual_hash": "str",
    "mirrored_hash": "str",
    "mean": "float64",
    "standard_deviation": "float64",
    "sharpness": "float64",
    "noise": "float64",
    "blockiness": "float64",
    "entropy": "float64",
    "skewness": "float64",
    "edge_brightness": "float64",
}
"""Columns of a manifest, in order. `width` and `height` are in pixels of the upright image; `gray` tells whether it has
no colour; `converted` names what was changed to see it, see `data.manifest.decoding.to_plain`. `mean` and
`standard_deviation` are in gray levels (0..255); `sharpness` is the variance of the Laplacian in squared gray levels;
`noise` is Immerkaer's estimate in gray levels; `blockiness` is the mean step between pixels across the borders of
JPEG's 8x8 blocks over that within them, about 1 without such borders; `entropy` is that of the histogram of gray levels
in bits (0..8); `skewness` is the third standardised moment of the gray levels; `edge_brightness` is the mean of the
outermost pixels minus the mean, in gray levels. All these are NaN if the image cannot be decoded."""

FEATURES = ("bytes", *MEASURES)
"""Columns on the appearance of an image, used to compare splits and data sets."""

ROWS_PER_FILE = 100_000


def build_manifest(images: Path, map_shards: MapShards = map) -> pd.DataFrame:
    """Describe every file below a directory laid out as `<split>/<label>/<file>`.

    Args:
        images: the data set's root; files elsewhere below it are described too, with the names of their folders.
        map_shards: how blocks of files are measured: one after the other, in processes, or on other hosts.

    Returns:
        One row per file, ordered by path, with the columns of `COLUMN_TYPES`. `path` is relative, POSIX, and the
        image's id; `pixel_sha256` is of the decoded 8-bit pixels, gray or RGB, and their size; `perceptual_hash` is
        imagehash's 64-bit phash as hex, `mirrored_hash` that of the image mirrored left to right. A file that is not a
        complete JPEG or PNG has `decodable` False and empty hashes.

    Raises:
        PipelineError: the directory is missing or holds no file.
        ChildKilled: a process was ended by a signal, for example because memory ran out.
    """
    images = Path(images).resolve()
    paths = list_files(images)
    logger.info("describing %d files below %s", len(paths), images)
    # Each block becomes columns at once: as Python objects, the rows of all images would take some 20 times as much.
    frames = [_make_frame(rows) for rows in map_shards(describe_block, read_blocks(images, paths))]
    return pd.concat(frames, ignore_index=True)


def write_manifest(manifest: pd.DataFrame, path: Path) -> None:
    """Write a manifest, or one with further columns such as `part`, as a directory of Parquet files.

    Args:
        manifest: one row an image.
        path: directory to make. Its files have at most `ROWS_PER_FILE` rows each, in the order of their names, so that
            a store keeps a manifest of any size in moderate objects, and a reader can take one file at a time.
    """
    path.mkdir()
    for number, start in enumerate(range(0, max(len(manifest), 1), ROWS_PER_FILE)):
        part = manifest.iloc[start : start + ROWS_PER_FILE]
        part.to_parquet(path / f"part-{number:05d}.parquet", index=False)


def read_manifest(path: Path) -> pd.DataFrame:
    """Read a manifest from Parquet, with the types of `COLUMN_TYPES`; further columns are kept.

    Args:
        path: of `write_manifest`, or a single Parquet file as earlier versions wrote it.

    Raises:
        PipelineError: the file lacks columns of a manifest.
    """
    manifest = pd.read_parquet(path)
    require_columns(manifest)
    return manifest.astype(COLUMN_TYPES)


def require_columns(manifest: pd.DataFrame) -> None:
    """Refuse a frame that is not a manifest.

    Raises:
        PipelineError: columns of `COLUMN_TYPES` are missing.
    """
    missing = [name for name in COLUMN_TYPES if name not in manifest.columns]
    if missing:
        raise PipelineError(f"the manifest lacks the columns {', '.join(missing)}; build it again with build_manifest")


def _make_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMN_TYPES)).astype(COLUMN_TYPES)
