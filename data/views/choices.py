"""Votes beside the TFRecords of a part: a file for each part, which a data set without votes does not have."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.base.errors import PipelineError


def votes_path(directory: Path, part: str) -> Path:
    """Return the file of a part's votes in a directory of TFRecords."""
    return directory / f"votes-{part}.npy"


def write_votes(directory: Path, part: str, votes: NDArray[np.float32]) -> None:
    """Write the votes of a part, in the written order of its records.

    Args:
        directory: of the TFRecords; it must exist.
        part: train, selection, validation or test.
        votes: float32 (images, classes + 3), see `data.votes.column`; NaN in the rows of images without votes.
    """
    np.save(votes_path(directory, part), votes.astype(np.float32), allow_pickle=False)


def read_votes(directory: Path, part: str) -> NDArray[np.float32] | None:
    """Return the votes of a part, in the written order of its records.

    The order is that of `data.views.tfrecords.read_identified`; every view of the train part has it. Give an order of
    `data.views.tfrecords.read_order` as index to get that of a shuffled pass.

    Args:
        directory: of the TFRecords.
        part: train, selection, validation or test.

    Returns:
        float32 (images, classes + 3): the votes for each class in label order, then other, unknown and no_face; NaN in
        the rows of images without votes. None if the data set has no votes.

    Raises:
        PipelineError: the file is damaged.
    """
    path = votes_path(directory, part)
    if not path.exists():
        return None
    try:
        votes = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise PipelineError(f"{path} is not a readable array of votes ({error}): write the views again") from error
    if votes.ndim != 2 or votes.dtype != np.float32:
        raise PipelineError(f"{path}: got {votes.dtype} {votes.shape}, expected float32 (images, classes + 3)")
    return votes
