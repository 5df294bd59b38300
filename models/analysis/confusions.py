"""Errors of a variant: confused classes, its most and least certain images, and the errors that all variants share."""

from collections.abc import Collection, Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.records.analysis import ConfusedPair, Errors, Face
from models.evaluation.intervals import wilson_interval
from models.evaluation.predictions import correctness_of, probabilities_of

MOST_PAIRS = 4
FACES_PER_PAIR = 8
FACES_PER_STRIP = 12


def find_errors(
    name: str,
    answers: Mapping[str, pd.DataFrame],
    classes: Sequence[str],
    suspects: frozenset[str] | None,
    weak: Collection[str] = (),
) -> Errors:
    """Find the errors of one variant on validation, and those that all variants share.

    Args:
        name: of the variant.
        answers: variant -> its predictions of validation, all of the same images in one order.
        classes: names in label order.
        suspects: ids of images with a suspected label; None without an audit.
        weak: variants whose errors say little about an image, see `models.evaluation.skill`; they are not asked for
            the shared errors.
    """
    asked = {other: of_other for other, of_other in answers.items() if other not in weak} or {name: answers[name]}
    frame = answers[name]
    wrong = ~correctness_of(frame)
    certainty = probabilities_of(frame).max(axis=1)
    falling = np.argsort(-certainty, kind="stable")
    shared = np.asarray(~np.stack([correctness_of(other) for other in asked.values()]).any(axis=0))
    low, high = wilson_interval(int(shared.sum()), len(shared))
    return Errors(
        variant=name,
        images=len(frame),
        wrong=int(wrong.sum()),
        pairs=_confused_pairs(frame, falling, classes),
        worst=_faces(frame, falling[wrong[falling]][:FACES_PER_STRIP], classes),
        surest=_faces(frame, falling[:FACES_PER_STRIP], classes),
        least_sure=_faces(frame, falling[::-1][:FACES_PER_STRIP], classes),
        variants=len(asked),
        weak=tuple(other for other in answers if other in weak),
        shared=int(shared.sum()),
        shared_alike=int((shared & _named_alike(asked)).sum()),
        shared_suspects=None if suspects is None else int(frame.loc[shared, "image_id"].isin(list(suspects)).sum()),
        shared_low=low,
        shared_high=high,
        shared_faces=_faces(frame, _least_probable_label(asked, shared)[:FACES_PER_STRIP], classes),
    )


def _confused_pairs(
    frame: pd.DataFrame, falling: NDArray[np.int64], classes: Sequence[str]
) -> tuple[ConfusedPair, ...]:
    labels, predicted = frame["label"].to_numpy()[falling], probabilities_of(frame).argmax(axis=1)[falling]
    places = range(len(classes))
    members = {(a, b): falling[(labels == a) & (predicted == b)] for a, b in product(places, places) if a != b}
    frequent = sorted((pair for pair in members if len(members[pair])), key=lambda pair: -len(members[pair]))
    return tuple(_confused_pair(frame, pair, members[pair], classes) for pair in frequent[:MOST_PAIRS])


def _confused_pair(
    frame: pd.DataFrame, pair: tuple[int, int], members: NDArray[np.int64], classes: Sequence[str]
) -> ConfusedPair:
    of_class = int((frame["label"] == pair[0]).sum())
    low, high = wilson_interval(len(members), of_class)
    return ConfusedPair(
        label=classes[pair[0]],
        predicted=classes[pair[1]],
        images=len(members),
        of_class=of_class,
        low=low,
        high=high,
        faces=_faces(frame, members[:FACES_PER_PAIR], classes),
    )


def _named_alike(answers: Mapping[str, pd.DataFrame]) -> NDArray[np.bool_]:
    named = np.stack([probabilities_of(frame).argmax(axis=1) for frame in answers.values()])
    return np.asarray((named == named[0]).all(axis=0))


def _least_probable_label(answers: Mapping[str, pd.DataFrame], shared: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Sort the rows of the shared errors by the mean probability of their label, smallest first."""
    frame = next(iter(answers.values()))
    mean = np.mean([probabilities_of(other) for other in answers.values()], axis=0)
    of_label = mean[np.arange(len(frame)), frame["label"].to_numpy()]
    rising = np.argsort(of_label, kind="stable")
    return rising[shared[rising]]


def _faces(frame: pd.DataFrame, places: NDArray[np.int64], classes: Sequence[str]) -> tuple[Face, ...]:
    probabilities = probabilities_of(frame)[places]
    labels, image_ids = frame["label"].to_numpy()[places], frame["image_id"].to_numpy()[places]
    return tuple(
        Face(
            image_id=str(image_id),
            label=classes[int(label)],
            predicted=classes[int(row.argmax())],
            probability=float(row.max()),
        )
        for image_id, label, row in zip(image_ids, labels, probabilities, strict=True)
    )
