"""Skill: 0 for the answer that needs no image, 1 for being always right, and never more than few images can show."""

import numpy as np
import pytest

from models.evaluation.metrics import measure_part
from models.evaluation.skill import LEAST_SKILL, can_judge_labels, least_accuracy, measure_skill
from tests.support.seed_format import CLASSES


def make_scores(images, accuracy, share=0.25):
    """Score answers on images of four classes, of which the first has this share."""
    counts = np.array([share, *[(1 - share) / 3] * 3]) * images
    labels = np.repeat(np.arange(4), counts.round().astype(int))
    wrong = np.arange(len(labels)) % 100 >= round(100 * accuracy)
    answers = np.where(wrong, (labels + 1) % 4, labels)
    return measure_part(labels, np.eye(4)[answers], CLASSES)


@pytest.mark.parametrize(
    ("images", "accuracy", "share", "skill"),
    [
        (100_000, 1.0, 0.25, 1.0),
        (100_000, 0.25, 0.25, 0.0),
        (100_000, 0.7, 0.7, 0.0),  # as good as always naming the largest class
        (100_000, 0.85, 0.7, 0.5),
    ],
)
def test_skill_is_measured_from_the_largest_class(images, accuracy, share, skill):
    assert measure_skill(make_scores(images, accuracy, share)) == pytest.approx(skill, abs=0.02)


def test_few_images_cannot_show_much_skill():
    few, many = make_scores(100, 0.75), make_scores(10_000, 0.75)
    assert measure_skill(few) < LEAST_SKILL < measure_skill(many)
    assert not can_judge_labels(few) and can_judge_labels(many)


def test_the_accuracy_that_is_asked_for_is_the_one_that_suffices():
    asked = least_accuracy(make_scores(10_000, 0.5))
    assert asked == pytest.approx(0.25 + LEAST_SKILL * 0.75)
    assert can_judge_labels(make_scores(1_000_000, asked + 0.01))
    assert not can_judge_labels(make_scores(1_000_000, asked - 0.01))


def test_a_part_with_one_class_shows_no_skill():
    labels = np.zeros(50, np.int64)
    assert measure_skill(measure_part(labels, np.eye(4)[labels], CLASSES)) == 0
