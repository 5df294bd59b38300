"""The figures of a part, counted by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_score, recall_score

from models.evaluation.calibration import measure_calibration
from models.evaluation.intervals import wilson_interval
from models.evaluation.metrics import measure_part, measure_predictions
from models.evaluation.predictions import name_columns
from tests.support.seed_format import CLASSES


def one_hot_like(predicted, certainty=0.7):
    probabilities = np.full((len(predicted), len(CLASSES)), (1 - certainty) / 3, dtype=np.float32)
    probabilities[np.arange(len(predicted)), predicted] = certainty
    return probabilities


def test_figures_of_a_small_part():
    labels = np.array([0, 0, 1, 1, 2, 3])
    metrics = measure_part(labels, one_hot_like([0, 1, 1, 1, 2, 0]), CLASSES)
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
    metrics = measure_part(labels, one_hot_like([3, 3, 3, 0]), CLASSES)
    assert [(c.label, c.recall) for c in metrics.per_class if c.support] == [("surprise", 0.75)]


def test_a_class_without_images_has_zeros_and_no_warning():
    metrics = measure_part(np.array([0, 1]), one_hot_like([0, 1]), CLASSES)
    assert [c.support for c in metrics.per_class] == [1, 1, 0, 0]
    assert metrics.per_class[2].f1 == 0.0


def draw(images, seed):
    """Return labels and probabilities that are right more often than not."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(CLASSES), images, p=[0.4, 0.3, 0.2, 0.1])
    logits = rng.normal(0, 1.5, (images, len(CLASSES))) + 2 * np.eye(len(CLASSES))[labels]
    return labels, softmax(logits, axis=1).astype(np.float32)


def test_figures_of_many_images_are_scikit_learn_s():
    labels, probabilities = draw(300, seed=1)
    answers, metrics = probabilities.argmax(axis=1), measure_part(labels, probabilities, CLASSES)
    assert metrics.images == 300
    assert metrics.accuracy == pytest.approx(accuracy_score(labels, answers))
    assert metrics.macro_f1 == pytest.approx(f1_score(labels, answers, average="macro"))
    exact = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    assert metrics.log_loss == pytest.approx(log_loss(labels, exact))
    for place, of_class in enumerate(metrics.per_class):
        one = {"labels": [place], "average": "macro"}  # the figure of this class alone
        assert of_class.precision == pytest.approx(precision_score(labels, answers, **one))
        assert of_class.recall == pytest.approx(recall_score(labels, answers, **one))
        assert of_class.f1 == pytest.approx(f1_score(labels, answers, **one))
    assert [(of_class.label, of_class.support) for of_class in metrics.per_class] == [
        (name, int((labels == place).sum())) for place, name in enumerate(CLASSES)
    ]


def test_the_interval_is_wilson_s_of_the_right_answers():
    metrics = measure_part(np.array([0, 0, 1, 1, 2, 3]), one_hot_like([0, 1, 1, 1, 2, 0]), CLASSES)
    assert (metrics.accuracy_low, metrics.accuracy_high) == wilson_interval(4, 6)


def test_rows_of_the_confusion_are_true_classes():
    labels, probabilities = draw(200, seed=2)
    answers = probabilities.argmax(axis=1)
    expected = tuple(tuple(int(((labels == t) & (answers == a)).sum()) for a in range(4)) for t in range(4))
    assert measure_part(labels, probabilities, CLASSES).confusion == expected


def test_rows_of_half_precision_are_scored_as_if_they_summed_to_one():
    labels, probabilities = draw(50, seed=3)
    scaled = measure_part(labels, probabilities * np.float32(0.998), CLASSES)
    assert scaled.log_loss == pytest.approx(measure_part(labels, probabilities, CLASSES).log_loss, rel=1e-6)


def test_a_label_ruled_out_costs_what_it_costs_in_scikit_learn():
    """Clipped at 2.2e-16, as the record's description says."""
    probabilities = np.array([[1.0, 0.0, 0.0, 0.0]])
    assert measure_part(np.array([1]), probabilities, CLASSES).log_loss == pytest.approx(
        -np.log(np.finfo(np.float64).eps)
    )


def test_every_part_is_scored_and_the_temperature_is_of_selection():
    parts = {part: draw(images, seed) for part, images, seed in (("validation", 90, 4), ("selection", 70, 5))}
    parts["test"] = draw(30, seed=6)
    frames = [
        pd.DataFrame(probabilities, columns=name_columns(len(CLASSES))).assign(label=labels, part=part)
        for part, (labels, probabilities) in parts.items()
    ]
    mixed = pd.concat(frames).sample(frac=1, random_state=0, ignore_index=True)
    scores, calibration = measure_predictions(mixed, CLASSES)
    assert {part: metrics.images for part, metrics in scores.items()} == {"selection": 70, "test": 30, "validation": 90}
    for part, (labels, probabilities) in parts.items():
        assert scores[part].accuracy == (probabilities.argmax(axis=1) == labels).mean()
    expected = measure_calibration(*parts["validation"], *parts["selection"])
    assert calibration.temperature == pytest.approx(expected.temperature)
    assert calibration.before.brier == pytest.approx(expected.before.brier)
