"""Tests of the shortened simulation: its networks are as intended, the bound keeps its level and has power."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from benchmarks.promotion import (
    BEGIN,
    CLASS_IMAGES,
    CLASS_RECALL,
    END,
    SHARED,
    Scenario,
    draw_correct,
    draw_labels,
    judge_recall,
    mcnemar_one_sided,
    one_better,
    replace_table,
    simulate,
    simulate_years,
)

REPEATS = 150


@pytest.fixture(scope="module")
def equal():
    return simulate(Scenario("equal", repeats=REPEATS), seed=0)


def test_simulated_networks_have_the_intended_accuracy_and_agreement(equal):
    labels = draw_labels(sum(CLASS_IMAGES))
    assert tuple(np.bincount(labels)) == CLASS_IMAGES
    rng = np.random.default_rng(0)
    limits = norm.ppf(np.tile(CLASS_RECALL, (4, 1)))[:, labels]
    correct = draw_correct(rng, rng.standard_normal(len(labels)), limits, SHARED)
    for label, recall in enumerate(CLASS_RECALL):
        assert correct[:, labels == label].mean() == pytest.approx(recall, abs=0.03)
    # Networks of 76 to 78 % on the real images: both right or both wrong on 85 to 89 %, correlation 0.59 to 0.69.
    assert 0.85 < equal.agreement < 0.89
    assert 0.59 < equal.correlation < 0.69


def test_a_challenger_that_is_not_better_is_rarely_promoted(equal):
    assert round(equal.promoted * REPEATS) <= binom.ppf(0.999, REPEATS, 0.05)
    assert equal.uncorrected > equal.promoted


def test_two_points_are_seen_by_the_bound():
    seen = simulate(Scenario("two points", one_better(0.02), REPEATS), seed=0)
    assert round(seen.promoted * REPEATS) >= binom.ppf(0.001, REPEATS, 0.8)
    assert seen.with_recall <= seen.promoted


def test_hopeless_candidates_cost_less_power_if_deviations_are_studentised():
    seen = simulate(Scenario("hopeless", (0.02, *[0.0] * 4, *[-0.35] * 4), REPEATS), seed=0)
    assert seen.promoted > seen.unstudentised + 0.03


def test_a_year_of_equal_networks_changes_the_champion_a_few_times_at_most():
    assert max(simulate_years(years=2, seed=0)) <= 4


def test_methods_to_judge_recall_by_hand():
    labels = np.repeat(np.arange(4), 100)
    champion = np.ones(400, bool)
    five_lost = champion.copy()
    five_lost[:5] = False  # 5 points of class 0, with a bound of 2.24 * sqrt(5) / 100 to each side
    assert judge_recall(labels, five_lost, champion) == (False, False, True)
    assert judge_recall(labels, champion, champion) == (True, True, True)


def test_mcnemar_one_sided_by_hand():
    assert mcnemar_one_sided(np.array([1, 1, 1, -1, 0, 0])) == pytest.approx((1 + 4) / 16)


def test_a_table_replaces_only_the_text_between_its_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"Head\n{BEGIN.format('a')}old\n{END}between\n{BEGIN.format('b')}kept\n{END}tail\n")
    replace_table(page, "a", "new\n")
    assert page.read_text() == f"Head\n{BEGIN.format('a')}new\n{END}between\n{BEGIN.format('b')}kept\n{END}tail\n"
