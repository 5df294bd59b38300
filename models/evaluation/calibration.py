"""Calibration of probabilities: Brier score, expected calibration error, clipped log loss, and one temperature."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.records.training import Calibration, CalibrationScores

BINS = 15
"""Number of bins of equal width, as in the source of the temperature."""

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0
SMALLEST_PROBABILITY = 1e-7
"""Smaller probabilities count as this one, so that one confident error does not decide the fit of a temperature."""


def measure_calibration(
    labels: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    selection_labels: NDArray[np.integer],
    selection_probabilities: NDArray[np.floating],
) -> Calibration:
    """Fit a temperature on selection, and score the probabilities of another part without and with it.

    Args:
        labels: (n,) indices of classes.
        probabilities: (n, classes), 0..1, rows summing to 1.
        selection_labels: (m,) labels of other images, which only fit the temperature.
        selection_probabilities: (m, classes).
    """
    temperature = fit_temperature(selection_labels, selection_probabilities)
    return Calibration(
        temperature=temperature,
        before=_score(labels, probabilities),
        after=_score(labels, scale_by_temperature(probabilities, temperature)),
    )


def fit_temperature(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> float:
    """Find the temperature, 0.05..20, with the smallest clipped log loss; above 1 it lowers the confidence.

    Args:
        labels: (n,) indices of classes.
        probabilities: (n, classes), 0..1.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    from scipy.optimize import minimize_scalar

    def loss(logarithm: float) -> float:
        return clipped_log_loss(labels, scale_by_temperature(probabilities, float(np.exp(logarithm))))

    bounds = (np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE))
    found: Any = minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(found.x))


def clipped_log_loss(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> float:
    """Compute the mean negative logarithm of the label's probability; a probability below 1e-7 counts as 1e-7.

    `PartMetrics.log_loss` is scikit-learn's, which clips at 2.2e-16: the two differ if a label is nearly ruled out.

    Args:
        labels: (n,) indices of classes.
        probabilities: (n, classes), 0..1.
    """
    of_label = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(of_label, SMALLEST_PROBABILITY)).mean())


def scale_by_temperature(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Divide the logits behind probabilities by a temperature; the order of the classes stays the same."""
    from scipy.special import softmax

    logits = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST_PROBABILITY))
    return softmax(logits / temperature, axis=1)


def expected_calibration_error(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> float:
    """Compute the mean difference, 0..1, between the highest probability and the accuracy over bins of confidence.

    Args:
        labels: (n,) indices of classes.
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
        brier=float(((exact - np.eye(exact.shape[1])[labels]) ** 2).sum(axis=1).mean()),
        log_loss=clipped_log_loss(labels, exact),
    )
