"""Accuracies by the published labels and by what people chose, and how often one person agrees with the others."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from models.evaluation.intervals import mean_interval, wilson_interval
from models.evaluation.predictions import name_columns
from models.evaluation.truths import count_rate, score_answers, score_by_people, score_person

CLASSES = ("a", "b", "c")
NOTHING = [np.nan] * 6

LABELS = np.array([0, 1, 2, 0, 1])
VOTES = np.array(
    [
        [2, 7, 0, 1, 0, 0],  # clearly b
        [4, 4, 0, 0, 2, 0],  # a tie, so the published b
        [1, 2, 5, 0, 0, 2],  # c, but only half of all say so
        NOTHING,
        [0, 0, 0, 0, 3, 7],  # nobody for a class
    ],
    np.float32,
)


def test_each_truth_counts_the_images_that_have_it():
    score = score_answers("x", np.array([1, 0, 2, 0, 0]), LABELS, VOTES)
    assert (score.published.images, score.published.rate) == (5, 2 / 5)
    assert (score.crowd.images, score.crowd.rate) == (3, 2 / 3)
    assert score.weighted.images == 3
    assert score.weighted.rate == pytest.approx((7 / 9 + 4 / 8 + 5 / 8) / 3)
    assert (score.clear.images, score.clear.rate) == (1, 1)
    assert [(recall.images, recall.rate) for recall in score.recalls[1:]] == [(2, 0.5), (1, 1)]
    assert score.recalls[0].images == 0 and np.isnan(score.recalls[0].rate)
    assert (score.crowd.low, score.crowd.high) == wilson_interval(2, 3)
    weights = np.array([7 / 9, 4 / 8, 5 / 8])
    assert (score.weighted.low, score.weighted.high) == pytest.approx(mean_interval(weights))


def people_of(row: np.ndarray) -> list[int]:
    """Return the class that each person of an image chose."""
    return [index for index, count in enumerate(row[:3].astype(int)) for _ in range(count)]


def test_one_person_is_compared_with_all_others():
    score = score_person(LABELS, VOTES)
    majorities, pairs = [], []
    for row in VOTES[:3]:
        people, agreed = people_of(row), []
        for place, own in enumerate(people):
            counts = np.bincount([*people[:place], *people[place + 1 :]], minlength=3)
            agreed.append((counts[own] == counts.max()) / (counts == counts.max()).sum())
        majorities.append(np.mean(agreed))
        pairs.append(np.mean([first == second for first, second in permutations(people, 2)]))
    assert score.crowd.rate == pytest.approx(np.mean(majorities))
    assert score.weighted.rate == pytest.approx(np.mean(pairs))
    assert score.clear.rate == pytest.approx(majorities[0]) and score.clear.images == 1
    assert score.published.rate == pytest.approx((2 / 9 + 4 / 8 + 5 / 8) / 3)
    assert score.recalls == ()


def test_one_vote_alone_says_nothing_of_how_people_agree():
    alone = np.array([[1, 0, 0, 0, 0, 0]], np.float32)
    answered = score_person(np.append(LABELS, 0), np.concatenate([VOTES, alone]))
    assert answered == score_person(LABELS, VOTES)
    assert score_person(LABELS[:1], alone).published.rate == 1, (
        "nobody voted beside others, so one vote is all there is"
    )


def frame_of(answers: list[int]) -> pd.DataFrame:
    frame = pd.DataFrame(np.eye(3, dtype=np.float32)[answers], columns=pd.Index(name_columns(3)))
    return frame.assign(image_id=[f"{number}.jpg" for number in range(len(answers))], label=LABELS)


def manifest_of(votes: np.ndarray) -> pd.DataFrame:
    """Return a manifest in another order than the predictions."""
    rows = [None if np.isnan(row[0]) else row.tolist() for row in votes]
    manifest = pd.DataFrame({"path": [f"{number}.jpg" for number in range(len(votes))], "votes": rows})
    return manifest.sample(frac=1, random_state=1)


def test_variants_stand_beside_the_labels_and_one_person():
    answers = {"good": frame_of([1, 1, 2, 0, 0]), "poor": frame_of([0, 0, 0, 0, 0])}
    people = score_by_people(answers, manifest_of(VOTES), CLASSES)
    assert people is not None
    assert [(score.name, score.crowd.rate) for score in people.variants] == [("good", 1), ("poor", 0)]
    expected = score_answers("good", np.array([1, 1, 2, 0, 0]), LABELS, VOTES)
    assert people.variants[0].model_dump_json() == expected.model_dump_json()  # NaN is no equal of itself
    assert (people.labels.published.rate, people.labels.crowd.rate) == (1, 2 / 3)
    assert people.person == score_person(LABELS, VOTES)
    assert people.people == 10
    assert people.best_weighted == pytest.approx(people.variants[0].weighted.rate)


@pytest.mark.parametrize("votes", [VOTES[[3, 3, 3, 3, 3]], VOTES[[4, 4, 4, 4, 4]]], ids=["none", "none for a class"])
def test_without_votes_for_a_class_there_is_nothing_to_say(votes):
    assert score_by_people({"good": frame_of([0] * 5)}, manifest_of(votes), CLASSES) is None
    assert score_by_people({}, manifest_of(VOTES), CLASSES) is None
    assert score_by_people({"good": frame_of([0] * 5)}, manifest_of(VOTES).drop(columns="votes"), CLASSES) is None


def test_a_rate_without_images_is_not_a_number():
    rate = count_rate(np.zeros(0, bool))
    assert rate.images == 0 and np.isnan([rate.rate, rate.low, rate.high]).all()


def test_the_interval_of_a_mean_covers_it_in_nineteen_of_twenty_samples():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(1000):
        low, high = mean_interval(rng.beta(2, 1, 60))
        covered += low <= 2 / 3 <= high
    assert 0.93 <= covered / 1000 <= 0.97
    assert mean_interval(np.array([0.4])) == (0, 1)
    assert mean_interval(np.array([1.0, 1.0])) == (1, 1)
