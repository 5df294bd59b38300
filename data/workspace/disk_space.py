"""About how many bytes of disk the large stages need while they are written, so that a run without room ends early."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from data.base.labels import IMAGE_SIZE

BLOCK_BYTES = 4096
"""Of most file systems; a small image takes a whole one."""

RECORD_BYTES = IMAGE_SIZE * IMAGE_SIZE + 110
"""One example of a TFRecord beside the image's path: pixels, label, view, names of the fields, checksums."""

LARGEST_OWN_NETWORK_BYTES = 8 << 20
"""Weights of `residual`, the largest network here that starts without a backbone's."""

TRAINING_COPIES = 8
"""Of a network's weights on disk at once, at worst: a checkpoint with two moments of the optimizer, the next one that
is written beside it, the best epoch's weights, and the exported model."""


def count_view_bytes(manifest: Path, views: int) -> int:
    """Return the size of a data set's TFRecords.

    Args:
        manifest: Parquet with the columns path and part.
        views: of the train part; the other parts have one.
    """
    rows = pd.read_parquet(manifest, columns=["path", "part"])
    record_bytes = RECORD_BYTES + rows["path"].str.len()
    return int((record_bytes * rows["part"].eq("train").map({True: views, False: 1})).sum())


def count_file_bytes(sizes: Iterable[int]) -> int:
    """Return what files of these sizes take on a disk."""
    return sum(-(-size // BLOCK_BYTES) * BLOCK_BYTES for size in sizes)


def count_training_bytes(weights: Path | None) -> int:
    """Return what a training keeps on disk at its worst moment.

    Args:
        weights: file of the backbone's pretrained ones, where the network has a backbone.
    """
    network = weights.stat().st_size if weights else 0
    return TRAINING_COPIES * (network + LARGEST_OWN_NETWORK_BYTES)
