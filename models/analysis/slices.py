"""Accuracy of a variant on slices of the images: by brightness, contrast, sharpness, repetition, suspected label."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.records.analysis import SliceScore
from models.evaluation.intervals import wilson_interval
from models.evaluation.paired import fisher_p_value, holm_correction

TERCILES = {
    "brightness": ("mean", ("darkest third", "middle third", "brightest third")),
    "contrast": ("standard_deviation", ("flattest third", "middle third", "richest third")),
    "sharpness": ("sharpness", ("softest third", "middle third", "sharpest third")),
}
"""Trait -> column of the manifest, names of its thirds."""

Slice = tuple[str, str, NDArray[np.bool_], bool]
"""Trait, value, images, and whether the slice may be tested."""


def score_slices(
    correct: NDArray[np.bool_], rows: pd.DataFrame, repeated: NDArray[np.bool_], suspected: NDArray[np.bool_] | None
) -> tuple[SliceScore, ...]:
    """Score a variant on each slice of the images, and test each slice against the rest.

    Suspected labels are not tested: they were found because variants disagree with them, so a test would only find the
    same again.

    Args:
        correct: (n,) booleans, right or wrong.
        rows: the n images' rows of the manifest: label and the columns of `TERCILES`.
        repeated: (n,) booleans, whether another image of the data set shows the same picture.
        suspected: (n,) booleans, whether the label audit suspects the label; None without an audit.
    """
    # One test is enough for two halves.
    found = [*_thirds(rows), ("near-duplicate", "yes", repeated, True), ("near-duplicate", "no", ~repeated, False)]
    if suspected is not None:
        found += [("label suspected", "yes", suspected, False), ("label suspected", "no", ~suspected, False)]
    held = [piece for piece in found if piece[2].any()]
    recalls = pd.Series(correct).groupby(rows["label"].to_numpy()).transform("mean").to_numpy()
    tests = [_test(correct, members) if tested and not members.all() else None for _, _, members, tested in held]
    corrected = iter(holm_correction([p_value for p_value in tests if p_value is not None]))
    return tuple(
        _score(correct, recalls, piece, (p_value, None if p_value is None else next(corrected)))
        for piece, p_value in zip(held, tests, strict=True)
    )


def _thirds(rows: pd.DataFrame) -> Iterator[Slice]:
    for trait, (column, names) in TERCILES.items():
        values = rows[column].to_numpy(np.float64)
        # `rank` separates equal values by their order, so that the thirds have equal sizes.
        places = pd.Series(values).rank(method="first").to_numpy()
        thirds = np.minimum((places - 1) * len(names) // max(len(values), 1), len(names) - 1)
        for third, name in enumerate(names):
            yield trait, name, np.asarray(thirds == third), True


def _test(correct: NDArray[np.bool_], members: NDArray[np.bool_]) -> float:
    inside, outside = correct[members], correct[~members]
    return fisher_p_value((int(inside.sum()), len(inside)), (int(outside.sum()), len(outside)))


def _score(
    correct: NDArray[np.bool_],
    expected: NDArray[np.float64],
    piece: Slice,
    p_values: tuple[float | None, float | None],
) -> SliceScore:
    trait, value, members, _ = piece
    inside, outside = correct[members], correct[~members]
    low, high = wilson_interval(int(inside.sum()), len(inside))
    return SliceScore(
        trait=trait,
        value=value,
        images=len(inside),
        accuracy=float(inside.mean()),
        low=low,
        high=high,
        rest_accuracy=float(outside.mean()) if len(outside) else float("nan"),
        expected=float(expected[members].mean()),
        p_value=p_values[0],
        p_holm=p_values[1],
    )
