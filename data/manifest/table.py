"""Table of the manifest: one row for each image, with what validation, cleaning and partitioning need to know."""

import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import pandas as pd
from pydantic import TypeAdapter

from data.base.errors import ChildKilled, PipelineError
from data.base.paths import PROJECT_ROOT
from data.manifest.measures import MEASURES, describe_share, list_files
from data.records.events import ChildError, ImageRows

logger = logging.getLogger(__name__)

MEASURES_EVENT: TypeAdapter[ImageRows | ChildError] = TypeAdapter(ImageRows | ChildError)

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

IMAGES_PER_WORKER = 3_000
"""Fewest images for each further worker: a worker takes about a second to start, and in that time one process describes
nearly as many small images."""


def build_manifest(images: Path, workers: int = 1) -> pd.DataFrame:
    """Describe every file below a directory laid out as `<split>/<label>/<file>`.

    Args:
        images: the data set's root; files elsewhere below it are described too, with the names of their folders.
        workers: largest number of processes, this one included; fewer are used for few images.

    Returns:
        One row per file, ordered by path, with the columns of `COLUMN_TYPES`. `path` is relative, POSIX, and the
        image's id; `pixel_sha256` is of the decoded 8-bit pixels, gray or RGB, and their size; `perceptual_hash` is
        imagehash's 64-bit phash as hex, `mirrored_hash` that of the image mirrored left to right. A file that is not a
        complete JPEG or PNG has `decodable` False and empty hashes.

    Raises:
        PipelineError: the directory is missing or holds no file.
        ChildKilled: a worker was ended by a signal, for example because memory ran out.
    """
    images = Path(images).resolve()
    paths = list_files(images)
    shares = max(1, min(workers, len(paths) // IMAGES_PER_WORKER))
    logger.info("describing %d files below %s with %d processes", len(paths), images, shares)
    # Each block becomes columns at once: as Python objects, the rows of all images would take some 20 times as much.
    frames = [_make_frame(rows) for rows in _describe_in_parallel(images, paths, shares)]
    return pd.concat(frames).sort_values("path", ignore_index=True)


def write_manifest(manifest: pd.DataFrame, path: Path) -> None:
    """Write a manifest, or one with further columns such as `part`, as Parquet."""
    manifest.to_parquet(path, index=False)


def read_manifest(path: Path) -> pd.DataFrame:
    """Read a manifest from Parquet, with the types of `COLUMN_TYPES`; further columns are kept.

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


def _describe_in_parallel(images: Path, paths: list[str], shares: int) -> Iterator[list[dict[str, Any]]]:
    """Describe one share here and the others in child commands, and yield blocks of rows.

    A new command is safe even if the caller runs threads, does not run the caller's own script a second time, and
    ends when the caller ends. Its events go to a temporary file, so that it never waits for a reader.
    """
    with ExitStack() as stack:
        children = []
        for share in range(1, shares):
            output = stack.enter_context(tempfile.TemporaryFile())
            command = [sys.executable, "-m", "data.manifest.measures", str(images), str(share), str(shares)]
            child = subprocess.Popen(command, cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=output)
            stack.enter_context(child)
            stack.callback(child.kill)
            children.append((child, output))
        yield from describe_share(images, paths, 0, shares)
        for child, output in children:
            yield from _wait_for_rows(child, output)


def _wait_for_rows(child: subprocess.Popen[bytes], output: IO[bytes]) -> Iterator[list[dict[str, Any]]]:
    status = child.wait()
    if status < 0:
        raise ChildKilled(f"a process describing images was ended by signal {-status}; check the memory and run again")
    output.seek(0)
    events = (MEASURES_EVENT.validate_json(line) for line in output)
    if status > 0:
        reasons = "; ".join(event.message for event in events if isinstance(event, ChildError))
        raise PipelineError(f"describing images failed with status {status}: {reasons or 'see its standard error'}")
    yield from (event.rows for event in events if isinstance(event, ImageRows))
