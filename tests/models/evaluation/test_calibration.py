"""Calibration, by hand and on drawn probabilities whose truth is known."""

import numpy as np
import pytest
from scipy.special import softmax

from models.evaluation.calibration import (
    clipped_log_loss,
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


def pair_at(right, wrong):
    """Return two answers with these certainties, a right and a wrong one."""
    probabilities = np.array([[right, 1 - right, 0, 0], [wrong, 1 - wrong, 0, 0]])
    return np.array([0, 1]), probabilities


@pytest.mark.parametrize("edge", [place / 15 for place in range(8, 15)])
def test_calibration_error_has_fifteen_bins_of_equal_width(edge):
    """In one bin the surplus of a wrong answer and the lack of a right one cancel out, across an edge they do not."""
    below, at, above = edge - 1e-3, edge + 1e-6, edge + 1 / 15 - 1e-3
    assert expected_calibration_error(*pair_at(below, at)) == pytest.approx((1 - below + at) / 2)
    assert expected_calibration_error(*pair_at(at, above)) == pytest.approx(abs(at + above - 1) / 2)


def test_calibration_error_counts_certain_answers_in_the_last_bin():
    """A right answer at 0.95 and a wrong one at 1.0 cancel out as far as they can: 0.05 too low, 1 too high."""
    assert expected_calibration_error(*pair_at(0.95, 1.0)) == pytest.approx((1 - 0.05) / 2)


def test_calibration_error_weights_bins_by_their_images():
    """Three images at 0.7, two of them right, and one wrong at 0.5."""
    probabilities = np.array([[0.7, 0.3, 0, 0]] * 3 + [[0.5, 0.3, 0.2, 0]])
    error = expected_calibration_error(np.array([0, 0, 1, 2]), probabilities)
    assert error == pytest.approx(0.75 * (0.7 - 2 / 3) + 0.25 * 0.5)


def test_calibration_error_of_many_images_by_a_loop():
    labels, probabilities = draw(500, 2.0, seed=3)
    certainty, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    expected = 0.0
    for place in range(15):
        of_bin = (certainty > place / 15) & (certainty <= (place + 1) / 15)
        if of_bin.any():
            expected += of_bin.mean() * abs(certainty[of_bin].mean() - right[of_bin].mean())
    assert expected_calibration_error(labels, probabilities) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("of_label", "counts_as"), [(1.0, 1.0), (0.25, 0.25), (2e-7, 2e-7), (1e-7, 1e-7), (5e-8, 1e-7), (0.0, 1e-7)]
)
def test_log_loss_counts_the_labels_probability_and_no_less_than_the_smallest(of_label, counts_as):
    probabilities = np.array([[0.5, 0.25, 0.25, 0.0], [1 - of_label, 0, of_label, 0]])
    expected = -(np.log(0.5) + np.log(counts_as)) / 2
    assert clipped_log_loss(np.array([0, 2]), probabilities) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 20.0])
def test_a_temperature_takes_a_root_of_the_probabilities(temperature):
    """Dividing a logit by T takes the T-th root of its probability, before the row is divided by its sum."""
    probabilities = np.array([[0.7, 0.2, 0.1, 0.0], [0.25, 0.25, 0.25, 0.25]])
    roots = np.maximum(probabilities, 1e-7) ** (1 / temperature)
    expected = roots / roots.sum(axis=1, keepdims=True)
    assert scale_by_temperature(probabilities, temperature) == pytest.approx(expected, rel=1e-9)


def test_the_temperature_has_the_smallest_log_loss_of_all():
    labels, probabilities = draw(800, 2.0, seed=4)
    grid = np.geomspace(0.05, 20, 600)
    losses = [clipped_log_loss(labels, scale_by_temperature(probabilities, temperature)) for temperature in grid]
    step = grid[1] / grid[0] - 1
    assert fit_temperature(labels, probabilities) == pytest.approx(grid[np.argmin(losses)], rel=step)


@pytest.mark.parametrize(
    ("label", "temperature"), [(0, 0.05), (3, 20.0)], ids=["always right, never sure", "always wrong, and sure"]
)
def test_the_temperature_ends_at_its_bounds(label, temperature):
    probabilities = np.array([[0.4, 0.3, 0.2, 0.1]] * 5)
    found = fit_temperature(np.full(5, label), probabilities)
    assert found == pytest.approx(temperature, rel=1e-3)
    assert 0.05 <= found <= 20


@pytest.mark.parametrize("excess", [0.998, 1.0, 1.002])
def test_rows_that_sum_to_one_up_to_half_precision_are_scored_as_if_they_did(excess):
    probabilities = np.array([[0.7, 0.1, 0.1, 0.1], [0.2, 0.2, 0.1, 0.5], [0.6, 0.2, 0.1, 0.1]])
    labels = np.array([0, 3, 1])
    before = measure_calibration(labels, probabilities * excess, labels, probabilities).before
    assert before.log_loss == pytest.approx(-np.log([0.7, 0.5, 0.2]).mean())
    assert before.brier == pytest.approx((0.12 + 0.34 + 1.02) / 3)
    assert before.expected_error == pytest.approx((0.3 + 0.5 + 0.6) / 3)


def test_the_scores_after_are_those_of_the_scaled_probabilities():
    labels, probabilities = draw(400, 2.5, seed=5)
    measured = measure_calibration(labels, probabilities, labels, probabilities)
    scaled = scale_by_temperature(probabilities, measured.temperature)
    of_label = scaled[np.arange(400), labels]
    assert measured.after.log_loss == pytest.approx(-np.log(of_label).mean())
    assert measured.after.brier == pytest.approx((1 - 2 * of_label + (scaled**2).sum(axis=1)).mean())
    assert measured.after.expected_error == pytest.approx(expected_calibration_error(labels, scaled))
