"""Whether a variant's probabilities can be believed: Brier score, calibration error, and one temperature."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from data.base.labels import CLASSES
from data.records.training import Calibration, CalibrationScores

BINS = 15
"""Of equal width, as in the source of the temperature."""

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0
SMALLEST_PROBABILITY = 1e-7


def measure_calibration(
    labels: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    selection_labels: NDArray[np.integer],
    selection_probabilities: NDArray[np.floating],
) -> Calibration:
    """Fit a temperature on selection, and score the probabilities of another part before and after it.

    Args:
        labels: (n,) indices into CLASSES.
        probabilities: (n, classes), 0..1, rows summing to 1.
        selection_labels: (m,) of images that are not scored here.
        selection_probabilities: (m, classes).
    """
    temperature = fit_temperature(selection_labels, selection_probabilities)
    return Calibration(
        temperature=temperature,
        before=_score(labels, probabilities),
        after=_score(labels, scale_by_temperature(probabilities, temperature)),
    )


def fit_temperature(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> float:
    """Return the temperature, 0.05..20, whose scaled probabilities have the smallest log loss; above 1 it calms them.

    Args:
        labels: (n,) indices into CLASSES.
        probabilities: (n, classes), 0..1.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """

    def loss(logarithm: float) -> float:
        return mean_log_loss(labels, scale_by_temperature(probabilities, float(np.exp(logarithm))))

    bounds = (np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE))
    found: Any = minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(found.x))


def mean_log_loss(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> float:
    """Return the mean of minus the logarithm of the label's probability, which counts as 1e-7 where it is less.

    Args:
        labels: (n,) indices into CLASSES.
        probabilities: (n, classes), 0..1.
    """
    of_label = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(of_label, SMALLEST_PROBABILITY)).mean())


def scale_by_temperature(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Return probabilities as if their logits had been divided by the temperature; the order of classes stays."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST_PROBABILITY))
    return softmax(logits / temperature, axis=1)


def expected_calibration_error(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> float:
    """Return by how much, 0..1, the highest probability differs from the share of right answers, mean over bins.

    Args:
        labels: (n,) indices into CLASSES.
        probabilities: (n, classes), 0..1.

    Source: Guo et al. 2017.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    surplus = np.bincount(bins, weights=confidence - right, minlength=BINS)
    return float(np.abs(surplus).sum() / len(labels))


def _score(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> CalibrationScores:
    exact = probabilities.astype(np.float64)
    exact = exact / exact.sum(axis=1, keepdims=True)
    return CalibrationScores(
        expected_error=expected_calibration_error(labels, exact),
        brier=float(((exact - np.eye(len(CLASSES))[labels]) ** 2).sum(axis=1).mean()),
        log_loss=mean_log_loss(labels, exact),
    )
