"""Agreement of people with each other and with the published labels: what the labels of a data set are worth.

The ceiling is how often one person agrees with the majority of the others. A network that is judged by one person's
labels cannot be right more often than people are, however good it is.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.base.parts import SPLITS
from data.records.votes import CLEAR_SHARE, DECIDED_SHARE, ClassAgreement, Crowd
from data.votes.column import (
    NOBODY,
    TOLERANCE,
    choose_majority,
    class_votes,
    is_no_face,
    share_agreed,
    stack_votes,
)


def describe_crowd(manifest: pd.DataFrame, labels: Sequence[str]) -> Crowd:
    """Compare the published labels with the votes.

    Args:
        manifest: one row for each image, with the column `data.votes.column.VOTES`.
        labels: classes of the data set, in label order.
    """
    known = manifest[manifest["split"].isin(SPLITS) & manifest["label"].isin(labels)]
    every = stack_votes(known, len(labels))
    published = pd.Categorical(known["label"], categories=list(labels)).codes.astype(np.int64)
    crowd = choose_majority(every, published)
    decided = crowd != NOBODY
    votes, published, crowd = every[decided], published[decided], crowd[decided]
    share, entropy, of_classes = share_agreed(votes), entropy_bits(votes), class_votes(votes)
    clear, undecided = is_clear(share), is_undecided(share)
    tied = of_classes >= of_classes.max(axis=1, keepdims=True) - TOLERANCE
    owned = [(index, label, published == index) for index, label in enumerate(labels)]
    return Crowd(
        labels=tuple(labels),
        images=len(votes),
        people=_mean(np.nan_to_num(votes).sum(axis=1, dtype=np.float64)),
        agreed=int((crowd == published).sum()),
        tied=int((tied.sum(axis=1) > 1).sum()),
        agreement_with_shared_ties=_mean(tied[np.arange(len(votes)), published] / tied.sum(axis=1)),
        ceiling=_mean(leave_one_out(votes)),
        clear=int(clear.sum()),
        undecided=int(undecided.sum()),
        no_face=int(is_no_face(every).sum()),
        entropy=_mean(entropy),
        by_class=tuple(
            ClassAgreement(
                label=label,
                images=int(own.sum()),
                agreed=int((crowd[own] == index).sum()),
                chosen=tuple(np.bincount(crowd[own], minlength=len(labels)).tolist()),
                crowd_images=int((crowd == index).sum()),
                clear=int(clear[own].sum()),
                undecided=int(undecided[own].sum()),
                entropy=_mean(entropy[own]),
            )
            for index, label, own in owned
        ),
    )


def leave_one_out(votes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how often one person, of those who chose a class, agrees with the majority of the others.

    Each person in turn is left out, and the class with most of the remaining votes is the majority; if several classes
    have most, agreement with one of them counts in part, as if one was drawn. Where copies' votes were averaged, what
    is left out is at most one vote. People who gave another answer than a class are not asked.

    Args:
        votes: (images, classes + 3), see `data.votes.column`.

    Returns:
        float64 (images,), 0..1; NaN with votes for classes of less than two people.
    """
    of_classes = class_votes(votes)
    people, agreed = of_classes.sum(axis=1), np.zeros(len(votes))
    for chosen in range(of_classes.shape[1]):
        others = of_classes.copy()
        others[:, chosen] -= np.minimum(1, others[:, chosen])
        most = others >= others.max(axis=1, keepdims=True) - TOLERANCE
        agreed += of_classes[:, chosen] * most[:, chosen] / most.sum(axis=1)
    result = np.full(len(votes), np.nan)
    np.divide(agreed, people, out=result, where=people > 1 + TOLERANCE)
    return result


def entropy_bits(votes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the entropy of the votes for classes in bits: 0 if all agree, log2(classes) if no class is preferred.

    Args:
        votes: (images, classes + 3), see `data.votes.column`.

    Returns:
        float64 (images,); NaN without a vote for a class.
    """
    of_classes = class_votes(votes)
    people = of_classes.sum(axis=1, keepdims=True)
    shares = np.divide(of_classes, people, out=np.zeros_like(of_classes), where=people > 0)
    logarithms = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.where(people[:, 0] > 0, np.abs((shares * logarithms).sum(axis=1)), np.nan)


def is_clear(share: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which images most people agree on, from `data.votes.column.share_agreed`; False for NaN."""
    return share >= CLEAR_SHARE - TOLERANCE


def is_undecided(share: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell of which images nobody agrees, from `data.votes.column.share_agreed`; False for NaN."""
    return share < DECIDED_SHARE - TOLERANCE


def _mean(figures: NDArray[np.float64]) -> float | None:
    """Return the mean of the figures that are there; None if none is."""
    known = figures[~np.isnan(figures)]
    return float(known.mean()) if known.size else None
