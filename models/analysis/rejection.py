"""Certainty of a variant: reliability, accuracy against coverage, and a threshold for rejecting answers."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.records.analysis import Certainty, CoveragePoint, Rejection, ReliabilityBin
from models.evaluation.calibration import BINS, scale_by_temperature
from models.evaluation.intervals import wilson_interval
from models.evaluation.predictions import correctness_of, probabilities_of

WANTED_ACCURACY = 0.9
COVERAGE_POINTS = 100


def describe_certainty(name: str, validation: pd.DataFrame, temperature: float) -> Certainty:
    """Describe how certain a variant is on validation, and how often it is right at each certainty.

    Args:
        name: of the variant.
        validation: its predictions.
        temperature: of its calibration.
    """
    correct, scaled = correctness_of(validation), measure_certainty(validation, temperature)
    return Certainty(
        variant=name,
        before=bin_certainty(correct, probabilities_of(validation).max(axis=1)),
        after=bin_certainty(correct, scaled),
        coverage=trace_coverage(correct, scaled),
    )


def measure_certainty(frame: pd.DataFrame, temperature: float) -> NDArray[np.float64]:
    """Scale by the temperature, and return the highest probability of each image, (n,)."""
    return scale_by_temperature(probabilities_of(frame), temperature).max(axis=1)


def bin_certainty(correct: NDArray[np.bool_], certainty: NDArray[np.floating]) -> tuple[ReliabilityBin, ...]:
    """Group images into bins of equal width by certainty, lowest first; empty bins are left out.

    Args:
        correct: (n,) booleans.
        certainty: (n,) highest probabilities, 0..1.
    """
    places = np.minimum((certainty * BINS).astype(int), BINS - 1)
    return tuple(_bin(correct[places == place], certainty[places == place]) for place in np.unique(places))


def _bin(correct: NDArray[np.bool_], certainty: NDArray[np.floating]) -> ReliabilityBin:
    low, high = wilson_interval(int(correct.sum()), len(correct))
    return ReliabilityBin(
        images=len(correct),
        certainty=float(certainty.mean(dtype=np.float64)),
        accuracy=float(correct.mean()),
        low=low,
        high=high,
    )


def trace_coverage(correct: NDArray[np.bool_], certainty: NDArray[np.floating]) -> tuple[CoveragePoint, ...]:
    """Compute the accuracy on the most certain images, for up to 100 shares of all images, in rising order.

    Args:
        correct: (n,) booleans.
        certainty: (n,) highest probabilities, 0..1.
    """
    running = np.cumsum(correct[np.argsort(-certainty, kind="stable")])
    steps = np.unique(np.ceil(np.arange(1, COVERAGE_POINTS + 1) * len(correct) / COVERAGE_POINTS).astype(int))
    return tuple(CoveragePoint(coverage=n / len(correct), accuracy=running[n - 1] / n) for n in steps.tolist())


def choose_rejection(
    name: str,
    validation: pd.DataFrame,
    selection: pd.DataFrame,
    temperature: float,
    wanted: float = WANTED_ACCURACY,
) -> Rejection:
    """Choose on selection the certainty from which answers are accepted, and measure the effect on validation.

    The threshold is the lowest one for which the lower end of the 95 % interval of the accuracy on selection still
    reaches the wanted accuracy, so it rejects the fewest answers.

    Args:
        name: of the variant.
        validation: its predictions, not used for the choice.
        selection: its predictions, of one image or more.
        temperature: of its calibration, which does not depend on the labels that decide what is right.
        wanted: accuracy of the accepted answers, 0..1.
    """
    certainty = measure_certainty(selection, temperature)
    threshold = find_threshold(correctness_of(selection), certainty, wanted)
    if threshold is None:
        return Rejection(variant=name, wanted=wanted, threshold=None, selection_images=len(selection))
    chosen = certainty >= threshold
    taken, correct = measure_certainty(validation, temperature) >= threshold, correctness_of(validation)
    ends = dict(zip(("taken_low", "taken_high"), wilson_interval(int(taken.sum()), len(taken)), strict=True))
    if taken.any():
        accuracy = wilson_interval(int(correct[taken].sum()), int(taken.sum()))
        ends |= {"accuracy": float(correct[taken].mean()), "low": accuracy[0], "high": accuracy[1]}
    if not taken.all():
        ends |= {"refused_accuracy": float(correct[~taken].mean())}
    return Rejection(
        variant=name,
        wanted=wanted,
        threshold=threshold,
        selection_images=len(selection),
        selection_taken=int(chosen.sum()),
        selection_accuracy=float(correctness_of(selection)[chosen].mean()),
        images=len(validation),
        taken=int(taken.sum()),
        **ends,
    )


def find_threshold(correct: NDArray[np.bool_], certainty: NDArray[np.floating], wanted: float) -> float | None:
    """Find the lowest certainty from which the answers have at least the wanted accuracy with 95 % confidence.

    Args:
        correct: (n,) booleans.
        certainty: (n,) highest probabilities, 0..1.
        wanted: accuracy that the lower end of the 95 % interval must reach.

    Returns:
        The threshold, or None if no certainty reaches the accuracy.
    """
    order = np.argsort(-certainty, kind="stable")
    running = np.cumsum(correct[order])
    # Images of equal certainty are taken together, so only the last of them can be the limit.
    last = np.append(np.diff(certainty[order]) != 0, True)
    for place in np.flatnonzero(last)[::-1]:
        if wilson_interval(int(running[place]), int(place) + 1)[0] >= wanted:
            return float(certainty[order][place])
    return None
