"""The figures of a part, counted by hand."""

import numpy as np
import pytest

from data.base.labels import CLASSES
from models.evaluation.metrics import measure_part


def one_hot_like(predicted, certainty=0.7):
    probabilities = np.full((len(predicted), len(CLASSES)), (1 - certainty) / 3, dtype=np.float32)
    probabilities[np.arange(len(predicted)), predicted] = certainty
    return probabilities


def test_figures_of_a_small_part():
    labels = np.array([0, 0, 1, 1, 2, 3])
    metrics = measure_part(labels, one_hot_like([0, 1, 1, 1, 2, 0]))
    assert metrics.images == 6
    assert metrics.accuracy == pytest.approx(4 / 6)
    assert metrics.confusion == ((1, 1, 0, 0), (0, 2, 0, 0), (0, 0, 1, 0), (1, 0, 0, 0))
    neutral = metrics.per_class[1]
    assert (neutral.label, neutral.support) == ("neutral", 2)
    assert (neutral.precision, neutral.recall, neutral.f1) == pytest.approx((2 / 3, 1.0, 0.8))
    assert metrics.macro_f1 == pytest.approx((0.5 + 0.8 + 1.0 + 0.0) / 4)
    assert metrics.log_loss == pytest.approx(-(4 * np.log(0.7) + 2 * np.log(0.1)) / 6, rel=1e-5)


def test_class_names_follow_the_label_order():
    """The fault of the notebook: names in another order than the labels."""
    labels = np.array([3, 3, 3, 3])
    metrics = measure_part(labels, one_hot_like([3, 3, 3, 0]))
    assert [(c.label, c.recall) for c in metrics.per_class if c.support] == [("surprise", 0.75)]


def test_a_class_without_images_has_zeros_and_no_warning():
    metrics = measure_part(np.array([0, 1]), one_hot_like([0, 1]))
    assert [c.support for c in metrics.per_class] == [1, 1, 0, 0]
    assert metrics.per_class[2].f1 == 0.0
