"""Estimated disk usage of a training, so that a run without enough free space fails before it starts."""

from pathlib import Path

MAX_UNTRAINED_BYTES = 8 << 20
"""Upper bound for the weights of a variant without those of its pretrained backbone."""

TRAINING_COPIES = 8
"""Copies of a network's weights that are on disk at once in the worst case: a checkpoint with two moments of the
optimizer (3), the next checkpoint while it is written (3), the weights of the best epoch and the exported model."""


def count_training_bytes(weights: Path | None) -> int:
    """Estimate how many bytes a training needs on disk at its worst moment.

    Args:
        weights: file with the pretrained weights of the backbone, if the network has a backbone.
    """
    network = weights.stat().st_size if weights else 0
    return TRAINING_COPIES * (network + MAX_UNTRAINED_BYTES)
