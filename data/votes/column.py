"""Column of a manifest with the votes of several people, and what the votes of an image say.

Votes are an array (images, classes + 3): the votes for each class in label order, then those of `EXTRAS`. They are
counts, or fractions of counts; a row of NaN is an image without votes.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.base.errors import PipelineError

VOTES = "votes"
"""Column of a manifest: a list of floats for each image with votes, null for the others; none if nobody voted."""

OTHER, UNKNOWN, NO_FACE = "other", "unknown", "no_face"

EXTRAS = (OTHER, UNKNOWN, NO_FACE)
"""What a person may choose besides the classes: a class that the data set does not have, no answer, no face."""

NOBODY = -1
"""Choice of the crowd if nobody chose a class of the data set."""

TOLERANCE = 1e-6
"""Votes that differ by less are equal: those of copies are averaged, and stored with 24 bits."""


def stack_votes(manifest: pd.DataFrame, classes: int) -> NDArray[np.float32]:
    """Return the votes of each image.

    Args:
        manifest: one row for each image, perhaps with the column `VOTES`.
        classes: number of classes of the data set.

    Returns:
        float32 (images, classes + 3), NaN in the rows of images without votes.

    Raises:
        PipelineError: the votes are for another number of classes.
    """
    votes = np.full((len(manifest), classes + len(EXTRAS)), np.nan, np.float32)
    if VOTES not in manifest:
        return votes
    given = manifest[VOTES].notna().to_numpy()
    rows = manifest.loc[given, VOTES].tolist()
    strange = sorted({len(row) for row in rows} - {votes.shape[1]})
    if strange:
        raise PipelineError(
            f"got {strange[0]} votes for an image, expected {votes.shape[1]}: one number for each of {classes} classes "
            f"and for {', '.join(EXTRAS)}; give the votes to the run again"
        )
    if rows:
        votes[given] = np.asarray(rows, np.float32)
    return votes


def choose_majority(votes: NDArray[np.float32], published: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the class that most people chose for each image, among the classes of the data set.

    Args:
        votes: (images, classes + 3), see this module.
        published: int (images,), index of the published label; it is the choice if it is among several classes with
            most votes, otherwise the first of them is.

    Returns:
        int64 (images,), an index into the labels, or `NOBODY` without a vote for a class.
    """
    of_classes = class_votes(votes)
    most = of_classes.max(axis=1, keepdims=True)
    tied = of_classes >= most - TOLERANCE
    own = tied[np.arange(len(votes)), published]
    chosen = np.where(own, published, tied.argmax(axis=1))
    return np.where(most[:, 0] > 0, chosen, NOBODY).astype(np.int64)


def share_agreed(votes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return which share of all people chose the class with most votes, other answers included.

    Args:
        votes: (images, classes + 3), see this module.

    Returns:
        float64 (images,), 0..1; NaN without a vote for a class.
    """
    of_classes, all_votes = class_votes(votes), np.nan_to_num(votes).sum(axis=1, dtype=np.float64)
    share = np.full(len(votes), np.nan)
    np.divide(of_classes.max(axis=1), all_votes, out=share, where=of_classes.sum(axis=1) > 0)
    return share


def is_no_face(votes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell of which images more people saw no face than gave any other answer.

    Args:
        votes: (images, classes + 3), see this module; False in rows of NaN.
    """
    place = votes.shape[1] - len(EXTRAS) + EXTRAS.index(NO_FACE)
    given = np.nan_to_num(votes)
    return given[:, place] > np.delete(given, place, axis=1).max(axis=1) + TOLERANCE


def class_votes(votes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the votes for the classes alone: float64 (images, classes), 0 where there are none."""
    return np.nan_to_num(votes[:, : -len(EXTRAS)].astype(np.float64))


def vote_names(labels: Sequence[str]) -> tuple[str, ...]:
    """Return what each place of an image's votes stands for: the classes in label order, then `EXTRAS`."""
    return (*labels, *EXTRAS)
