"""Accuracies of finished trainings by more than one truth, with intervals over images and seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.estimates import Interval, estimate_mean, make_interval
from data.manifest.table import read_manifest
from data.records.votes import CLEAR_SHARE
from data.votes.column import NOBODY, choose_majority, share_agreed, stack_votes
from models.evaluation.predictions import probabilities_of, read_predictions

PUBLISHED, CROWD, CLEAR = "published label", "crowd's choice", "crowd's choice, at least 7 of 10"


class Judged(NamedTuple):
    """What several seeds of one training are worth."""

    accuracy: dict[str, Interval]
    """By truth."""
    images: dict[str, int]
    recall: dict[str, float]
    """By the crowd's choice, of each class; the mean over seeds."""


def read_truth(dataset: Path, labels: Sequence[str]) -> pd.DataFrame:
    """Read the validation images of a data set that have votes.

    Args:
        dataset: directory of a judged data set.
        labels: names of the classes, in label order.

    Returns:
        The columns `published` and `crowd` (indices of labels), `clear` (7 of 10 agree) and `group`, by image.
    """
    manifest = read_manifest(dataset / "manifest.parquet")
    images = manifest[manifest["part"] == "validation"].set_index("path").sort_index()
    votes = stack_votes(images, len(labels))
    published = images["label"].map({label: index for index, label in enumerate(labels)}).to_numpy(np.int64)
    truth = pd.DataFrame(
        {
            "published": published,
            "crowd": choose_majority(votes, published),
            "clear": share_agreed(votes) >= CLEAR_SHARE,
            "group": images["group"],
        },
        index=images.index,
    )
    return truth[truth["crowd"] != NOBODY]


def judge(trainings: Sequence[Path], truth: pd.DataFrame, labels: Sequence[str]) -> Judged:
    """Judge the trainings of several seeds on the same images.

    Args:
        trainings: directories of finished trainings that differ only in their seed.
        truth: of `read_truth`.
        labels: names of the classes, in label order.
    """
    chances = (_read_probabilities(training, truth.index) for training in trainings)
    return _judge_answers(np.stack([one.argmax(axis=1) for one in chances], axis=1), truth, labels)


def judge_together(trainings: Sequence[Path], truth: pd.DataFrame, labels: Sequence[str]) -> Judged:
    """Judge the mean of the probabilities of several seeds; the arguments are those of `judge`."""
    together = np.mean([_read_probabilities(training, truth.index) for training in trainings], axis=0)
    return _judge_answers(together.argmax(axis=1)[:, None], truth, labels)


def _judge_answers(answers: NDArray[np.int64], truth: pd.DataFrame, labels: Sequence[str]) -> Judged:
    """Judge answers, int64 (images, trainings)."""
    crowd, clear = truth["crowd"].to_numpy(), truth["clear"].to_numpy()
    by_crowd = answers == crowd[:, None]
    right = {
        PUBLISHED: (answers == truth["published"].to_numpy()[:, None], np.ones(len(truth), dtype=bool)),
        CROWD: (by_crowd, np.ones(len(truth), dtype=bool)),
        CLEAR: (by_crowd, clear),
    }
    return Judged(
        accuracy={
            name: make_interval(estimate_mean(correct[chosen].astype(np.float64), truth["group"][chosen]), lowest=0.0)
            for name, (correct, chosen) in right.items()
        },
        images={name: int(chosen.sum()) for name, (_, chosen) in right.items()},
        recall={
            label: float(by_crowd[crowd == index].mean())
            for index, label in enumerate(labels)
            if (crowd == index).any()
        },
    )


def _read_probabilities(training: Path, images: pd.Index) -> NDArray[np.float64]:
    """Return the probability of each class, float64 (images, classes)."""
    predictions = read_predictions(training, "validation")
    return pd.DataFrame(probabilities_of(predictions), index=predictions["image_id"]).loc[images].to_numpy(np.float64)
