"""Estimated disk usage of large stages, so that a run without enough free space fails before it writes them."""

import math
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from data.base.data_format import DataFormat

BLOCK_BYTES = 4096
"""Block size of most file systems; a small image takes a whole block."""

RECORD_BYTES = 110
"""Size of one TFRecord example without pixels and the image's path: label, view, field names, checksums."""


def count_view_bytes(manifest: Path, views: int, data_format: DataFormat) -> int:
    """Estimate the size of a data set's TFRecords in bytes.

    Args:
        manifest: Parquet with the columns path and part.
        views: number of views of the train part; the other parts have one view.
        data_format: size and colour of the images.
    """
    rows = pd.read_parquet(manifest, columns=["path", "part"])
    record_bytes = math.prod(data_format.shape) + RECORD_BYTES + rows["path"].str.len()
    return int((record_bytes * rows["part"].eq("train").map({True: views, False: 1})).sum())


def count_file_bytes(sizes: Iterable[int]) -> int:
    """Return the bytes that files of these sizes use on disk, in whole blocks."""
    return sum(-(-size // BLOCK_BYTES) * BLOCK_BYTES for size in sizes)
