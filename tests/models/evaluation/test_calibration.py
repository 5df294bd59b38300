"""Calibration, by hand and on drawn probabilities whose truth is known."""

import numpy as np
import pytest
from scipy.special import softmax

from models.evaluation.calibration import (
    expected_calibration_error,
    fit_temperature,
    measure_calibration,
    scale_by_temperature,
)


def draw(images, sharpness=1.0, seed=0):
    """Return labels that follow some probabilities, and these probabilities with logits times `sharpness`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (images, 4))
    labels = np.array([rng.choice(4, p=row) for row in softmax(logits, axis=1)])
    return labels, softmax(logits * sharpness, axis=1).astype(np.float32)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_made_the_probabilities_too_sure_or_unsure(sharpness):
    labels, probabilities = draw(6000, sharpness)
    assert fit_temperature(labels, probabilities) == pytest.approx(sharpness, rel=0.07)


def test_scaling_keeps_the_order_and_the_sum():
    _, probabilities = draw(50)
    scaled = scale_by_temperature(probabilities, 2.5)
    assert (scaled.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert scaled.sum(axis=1) == pytest.approx(np.ones(50))
    assert scale_by_temperature(probabilities, 1.0) == pytest.approx(probabilities, abs=1e-5)


def test_calibration_error_by_hand():
    # Two answers at 0.9, one of them right: 0.4 off; two at 0.6, both right: 0.4 off, the other way.
    probabilities = np.array([[0.9, 0.1, 0, 0], [0.9, 0.1, 0, 0], [0.6, 0.4, 0, 0], [0.6, 0.4, 0, 0]])
    assert expected_calibration_error(np.array([0, 1, 0, 0]), probabilities) == pytest.approx(0.4)


def test_calibration_error_counts_certain_answers_apart_from_nearly_certain_ones():
    # A wrong answer at 1.0 is 1 off; a right one at 0.92 is 0.08 off, the other way: in one bin they would cancel out.
    probabilities = np.array([[1.0, 0, 0, 0], [0.92, 0.08, 0, 0]])
    assert expected_calibration_error(np.array([1, 0]), probabilities) == pytest.approx((1 + 0.08) / 2)


def test_certain_and_right_has_no_error():
    assert expected_calibration_error(np.array([0, 3]), np.eye(4)[[0, 3]]) == 0


def test_the_temperature_comes_from_selection_and_the_scores_from_the_other_part():
    labels, probabilities = draw(3000, 3.0, seed=1)
    chosen_labels, chosen = draw(3000, 3.0, seed=2)
    measured = measure_calibration(labels, probabilities, chosen_labels, chosen)
    assert measured.temperature == fit_temperature(chosen_labels, chosen)
    assert measured.after.expected_error < 0.03 < measured.before.expected_error
    assert measured.after.brier < measured.before.brier
    assert measured.after.log_loss < measured.before.log_loss


def test_brier_score_by_hand():
    probabilities = np.array([[0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.25, 0.25]])
    measured = measure_calibration(np.array([0, 3]), probabilities, np.array([0, 3]), probabilities)
    assert measured.before.brier == pytest.approx((0.09 + 3 * 0.01 + 0.5625 + 3 * 0.0625) / 2)


def test_a_probability_of_zero_for_the_truth_is_no_error():
    certain = np.array([[1.0, 0, 0, 0], [1.0, 0, 0, 0]], dtype=np.float32)
    measured = measure_calibration(np.array([0, 1]), certain, np.array([0, 1]), certain)
    assert np.isfinite([measured.temperature, measured.before.log_loss, measured.after.log_loss]).all()
