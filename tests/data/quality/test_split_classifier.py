"""The classifier of splits: what it draws, what it has seen, its area and interval, and its examples."""

import math
from statistics import variance

import numpy as np
import pandas as pd
import pytest

from data.manifest.table import FEATURES
from data.quality.split_classifier import choose_examples, draw_balanced, measure_area, score_side
from tests.support.image_tree import make_manifest
from tests.support.seed_format import CLASSES

COUPLE = ("train", "validation")


def compare_one_by_one(scores: list[float], positive: list[bool]) -> tuple[float, float]:
    """Return area and standard error after DeLong, by comparing every positive with every negative."""
    positives = [score for score, side in zip(scores, positive, strict=True) if side]
    negatives = [score for score, side in zip(scores, positive, strict=True) if not side]

    def beats(one: float, other: float) -> float:
        return 1.0 if one > other else 0.5 if one == other else 0.0

    above = [sum(beats(p, n) for n in negatives) / len(negatives) for p in positives]
    below = [sum(beats(p, n) for p in positives) / len(positives) for n in negatives]
    error = math.sqrt(variance(above) / len(above) + variance(below) / len(below))
    return sum(above) / len(above), error


@pytest.mark.parametrize(("positives", "negatives"), [(30, 50), (7, 4), (2, 2)])
def test_the_area_and_its_interval_are_delong_s(positives: int, negatives: int) -> None:
    random = np.random.default_rng(positives)
    positive = np.arange(positives + negatives) < positives
    scores = (random.normal(0.5 * positive) * 4).round() / 4  # with ties
    area, error = compare_one_by_one(scores.tolist(), positive.tolist())
    margin = 1.959963984540054 * error
    assert measure_area(scores, positive) == pytest.approx((area, max(0, area - margin), min(1, area + margin)))


def test_an_interval_ends_at_nothing_and_at_certainty() -> None:
    positive = np.array([True, True, True, False, False, False])
    nearly = np.array([3.0, 4.0, 5.0, 0.0, 1.0, 3.5])
    area, low, high = measure_area(nearly, positive)
    assert area == pytest.approx(8 / 9) and 0 < low < area and high == 1
    area, low, high = measure_area(-nearly, positive)
    assert area == pytest.approx(1 / 9) and low == 0 and area < high < 1
    assert measure_area(positive.astype(float), positive) == (1, 1, 1)


def make_splits(train: int, validation: int, label: str = "happy") -> list[tuple[str, str, str]]:
    """Return rows of different images."""
    sizes = {"train": train, "validation": validation}
    return [(split, label, f"{split} {label} {n}") for split, size in sizes.items() for n in range(size)]


def test_each_class_gives_as_many_images_of_one_split_as_of_the_other() -> None:
    rows = [*make_splits(9, 5), *make_splits(3, 4, "sad"), *make_splits(2, 0, "neutral"), ("test", "happy", "t")]
    drawn = draw_balanced(make_manifest(rows), COUPLE, maximum_images=4, seed=1)
    assert drawn.value_counts(["split", "label"]).to_dict() == {
        ("train", "happy"): 4, ("validation", "happy"): 4, ("train", "sad"): 3, ("validation", "sad"): 3,
    }  # fmt: skip
    assert drawn["path"].is_unique


def test_of_equal_pictures_one_is_drawn() -> None:
    rows = [*make_splits(5, 5), *make_splits(5, 5), ("validation", "happy", "train happy 0")]
    drawn = draw_balanced(make_manifest(rows), COUPLE, maximum_images=100, seed=1)
    assert drawn["pixel_sha256"].is_unique
    assert drawn.value_counts("split").to_dict() in ({"train": 5, "validation": 5}, {"train": 4, "validation": 4})


def test_the_draw_depends_on_the_seed_alone() -> None:
    manifest = make_manifest(make_splits(20, 20))
    first, again, other = (draw_balanced(manifest, COUPLE, 5, seed)["path"].tolist() for seed in (1, 1, 2))
    assert first == again and set(first) != set(other)


def make_drawn(seed: int, shift: float) -> pd.DataFrame:
    """Return images of two splits whose statistics are noise, shifted in the second."""
    manifest = make_manifest(make_splits(40, 40))
    random = np.random.default_rng(seed)
    second = (manifest["split"] == "validation") * shift
    return manifest.assign(**{name: random.normal(0, 1, len(manifest)) + second for name in FEATURES})


def test_a_score_is_the_probability_of_the_second_split() -> None:
    drawn = make_drawn(seed=0, shift=4)
    second = (drawn["split"] == "validation").to_numpy()
    scores = score_side(drawn, "validation", seed=1)
    assert scores.shape == (80,) and scores[second].min() > 0.5 > scores[~second].max()
    assert (scores == score_side(drawn, "validation", seed=1)).all()
    assert (scores != score_side(drawn, "validation", seed=2)).any()


def test_no_image_is_judged_by_a_classifier_that_has_seen_it() -> None:
    drawn = make_drawn(seed=0, shift=0)
    area, _, _ = measure_area(score_side(drawn, "validation", seed=1), (drawn["split"] == "validation").to_numpy())
    assert 0.3 < area < 0.7, "it would be near 1"


def test_examples_are_the_two_images_of_each_class_that_are_surest_of_their_split() -> None:
    rows = [("train", "happy", n) for n in range(3)] + [("validation", "happy", n) for n in range(3)]
    rows += [("train", "sad", n) for n in range(2)] + [("validation", "sad", 0), ("validation", "surprise", 0)]
    drawn = make_manifest([(split, label, f"{split}{label}{n}") for split, label, n in rows])
    scores = np.array([0.3, 0.2, 0.1, 0.7, 0.8, 0.9, 0.4, 0.4, 0.6, 0.99])
    assert choose_examples(drawn, scores, COUPLE) == (
        ("train/happy/2.jpg", "validation/happy/5.jpg"),
        ("train/happy/1.jpg", "validation/happy/4.jpg"),
        ("train/sad/6.jpg", "validation/sad/8.jpg"),
    )
    assert {label for _, label, _ in rows} < set(CLASSES)
