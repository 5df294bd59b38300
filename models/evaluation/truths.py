"""Accuracies by more than one truth: the published labels, the choice of the crowd, and its votes.

Beside them stands the ceiling: how often one person agrees with all others, by leaving each person out in turn.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.records.truths import PeopleScore, PeopleScores, Rate
from data.votes.agreement import is_clear, leave_one_out
from data.votes.column import NOBODY, TOLERANCE, choose_majority, class_votes, share_agreed, stack_votes
from models.evaluation.intervals import mean_interval, wilson_interval
from models.evaluation.predictions import probabilities_of

LABELS, PERSON = "published labels", "one person"


def score_by_people(
    answers: Mapping[str, pd.DataFrame], manifest: pd.DataFrame, classes: Sequence[str]
) -> PeopleScores | None:
    """Score each variant by the published labels and by what people chose.

    Args:
        answers: variant -> its predictions with the published labels, all of the same images in one order.
        manifest: with a row for each of these images: path, and votes if there are some.
        classes: names in label order.

    Returns:
        The scores, or None if there are no variants, or no image with a vote for a class.
    """
    frame = next(iter(answers.values()), None)
    if frame is None:
        return None
    votes = stack_votes(manifest.set_index("path").loc[frame["image_id"].tolist()], len(classes))
    labels = frame["label"].to_numpy()
    crowd = choose_majority(votes, labels)
    voted = crowd != NOBODY
    if not voted.any():
        return None
    return PeopleScores(
        people=float(np.nan_to_num(votes[voted]).sum(axis=1, dtype=np.float64).mean()),
        variants=tuple(
            score_answers(name, probabilities_of(of_one).argmax(axis=1), labels, votes)
            for name, of_one in answers.items()
        ),
        labels=score_answers(LABELS, labels, labels, votes),
        person=score_person(labels, votes),
        best_weighted=float(_shares(votes[voted]).max(axis=1).mean()),
    )


def score_answers(
    name: str, answers: NDArray[np.integer], labels: NDArray[np.integer], votes: NDArray[np.float32]
) -> PeopleScore:
    """Score one answer to each image by the published labels and by what people chose.

    Args:
        name: whose answers they are.
        answers: (n,) indices of classes.
        labels: (n,) indices of the published labels.
        votes: (n, classes + 3), see `data.votes.column`.
    """
    crowd, clear = choose_majority(votes, labels), is_clear(share_agreed(votes))
    voted, right = crowd != NOBODY, answers == crowd
    weights = _shares(votes[voted])[np.arange(int(voted.sum())), answers[voted]]
    classes = class_votes(votes).shape[1]
    return PeopleScore(
        name=name,
        published=count_rate(answers == labels),
        crowd=count_rate(right[voted]),
        weighted=_average(weights),
        clear=count_rate(right[clear]),
        recalls=tuple(count_rate(right[crowd == index]) for index in range(classes)),
    )


def score_person(labels: NDArray[np.integer], votes: NDArray[np.float32]) -> PeopleScore:
    """Score one of the people, drawn from those who chose a class, by the published labels and by all others.

    Args:
        labels: (n,) indices of the published labels.
        votes: (n, classes + 3), see `data.votes.column`.

    Returns:
        Against the crowd: how often the person agrees with the majority of the others; weighted: with one of them.
        Images with one vote in all, such as a correction of the label, are left out if others have more.
    """
    agreed, of_classes = leave_one_out(votes), class_votes(votes)
    people = of_classes.sum(axis=1)
    several = ~np.isnan(agreed)
    pairs = (of_classes * np.maximum(of_classes - 1, 0)).sum(axis=1)[several]
    own = of_classes[np.arange(len(labels)), labels]
    asked = np.nan_to_num(votes).sum(axis=1, dtype=np.float64) > 1 + TOLERANCE
    shown = (people > 0) & (asked | ~asked.any())
    return PeopleScore(
        name=PERSON,
        published=_average((own / np.maximum(people, 1e-9))[shown]),
        crowd=_average(agreed[several]),
        weighted=_average(np.minimum(1, pairs / (people * (people - 1))[several])),
        clear=_average(agreed[several & is_clear(share_agreed(votes))]),
    )


def count_rate(right: NDArray[np.bool_]) -> Rate:
    """Return the share of these booleans that are true, with its 95 % Wilson interval."""
    if not len(right):
        return Rate(images=0, rate=float("nan"), low=float("nan"), high=float("nan"))
    low, high = wilson_interval(int(right.sum()), len(right))
    return Rate(images=len(right), rate=float(right.mean()), low=low, high=high)


def _shares(votes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return which share of those who chose a class chose each: (n, classes); every image has a vote for a class."""
    of_classes = class_votes(votes)
    return of_classes / of_classes.sum(axis=1, keepdims=True)


def _average(values: NDArray[np.float64]) -> Rate:
    if not len(values):
        return count_rate(np.zeros(0, bool))
    low, high = mean_interval(values)
    return Rate(images=len(values), rate=float(values.mean()), low=low, high=high)
