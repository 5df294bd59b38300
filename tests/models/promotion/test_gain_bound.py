"""The lower bound of the best of several against formulas for one and for independent candidates."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binom, multivariate_normal, norm

from models.promotion.gain_bound import gain_lower_bounds

IMAGES = 1200
ONE_SIDED = float(norm.ppf(0.95))


def differ(won, lost, start=0, images=IMAGES):
    """Return (n,) differences of one candidate: some images won, then some lost, from image `start` on."""
    column = np.zeros(images, np.int8)
    column[start : start + won] = 1
    column[start + won : start + won + lost] = -1
    return column


@pytest.mark.parametrize(("won", "lost", "images"), [(60, 40, 1200), (40, 60, 1200), (9, 0, 100), (500, 300, 5000)])
def test_one_candidate_has_the_normal_bound_with_edwards_correction(won, lost, images):
    """The number of images won of d differing ones has variance d / 4 if both are equally good."""
    (bound,) = gain_lower_bounds(differ(won, lost, images=images)[:, None], seed=0)
    discordant = won + lost
    expected_wins = won - ONE_SIDED * np.sqrt(discordant) / 2 - 0.5
    exact = (expected_wins - (discordant - expected_wins)) / images
    assert exact - 0.03 * np.sqrt(discordant) / images < bound <= exact + 1e-12


def test_one_candidate_with_any_seed_is_never_below_the_quantile_of_one_normal():
    column = differ(60, 40)[:, None]
    for seed in range(20):
        assert gain_lower_bounds(column, seed)[0] <= (20 - ONE_SIDED * 10 - 1) / IMAGES + 1e-12


@pytest.mark.parametrize("candidates", [2, 4, 8])
def test_uncorrelated_candidates_share_the_error_rate_as_sidak_s_correction_does(candidates):
    """Each wins and loses 50 images that no other does, so the largest of independent normals decides."""
    table = np.stack([differ(50, 50, start=100 * place) for place in range(candidates)], axis=1)
    quantile = norm.ppf(0.95 ** (1 / candidates))
    expected = -(quantile * 10 + 1) / IMAGES
    bounds = np.mean([gain_lower_bounds(table, seed) for seed in range(10)], axis=0)
    assert bounds == pytest.approx(np.full(candidates, expected), abs=0.02 * 10 / IMAGES)


def test_candidates_that_win_where_others_lose_are_correlated_by_minus_one():
    """The largest of a normal and its negative is an absolute value: the two-sided quantile."""
    table = np.stack([differ(50, 50), -differ(50, 50)], axis=1)
    bounds = np.mean([gain_lower_bounds(table, seed) for seed in range(10)], axis=0)
    assert bounds == pytest.approx(np.full(2, -(norm.ppf(0.975) * 10 + 1) / IMAGES), abs=0.02 * 10 / IMAGES)


def test_a_correlation_is_that_of_the_deviations_from_the_mean():
    """Both win 300 images of their own and tie on the others, so that their deviations correlate by -1/3."""
    table = np.stack([differ(300, 0), differ(300, 0, start=300)], axis=1)
    correlation: Any = [[1, -1 / 3], [-1 / 3, 1]]
    pair = multivariate_normal([0, 0], correlation)
    quantile = brentq(lambda end: pair.cdf([end, end]) - 0.95, 0, 5)
    expected = (300 - quantile * np.sqrt(300) - 1) / IMAGES
    bounds = np.mean([gain_lower_bounds(table, seed) for seed in range(10)], axis=0)
    assert bounds == pytest.approx(np.full(2, expected), abs=0.015 * np.sqrt(300) / IMAGES)


def test_a_candidate_that_never_differs_changes_no_other_bound():
    alone = differ(60, 40)[:, None]
    with_twin = np.hstack([alone, np.zeros_like(alone)])
    first, second = gain_lower_bounds(with_twin, seed=0)
    assert first == pytest.approx(gain_lower_bounds(alone, seed=0)[0], abs=3e-4)
    assert second == pytest.approx(-1 / IMAGES)


def test_bounds_follow_their_columns():
    table = np.stack([differ(60, 40), differ(200, 20, start=100), differ(30, 30, start=400)], axis=1)
    bounds = gain_lower_bounds(table, seed=0)
    assert bounds.argsort().tolist() == table.mean(axis=0).argsort().tolist()
    swapped = gain_lower_bounds(table[:, [2, 0, 1]], seed=0)
    assert swapped == pytest.approx(bounds[[2, 0, 1]], abs=5e-4)


def test_a_decision_that_is_made_again_has_the_same_bound():
    """A figure that was computed once with a seed whose quantile is above the exact one, so that the draws count."""
    assert gain_lower_bounds(differ(60, 40)[:, None], seed=5)[0] == pytest.approx(0.001781804006, abs=1e-10)


def test_a_seed_gives_the_same_bounds_again():
    table = np.stack([differ(60, 40), differ(60, 40, start=50)], axis=1)
    assert gain_lower_bounds(table, 3).tolist() == gain_lower_bounds(table, 3).tolist()


def test_all_bounds_hold_at_once_in_at_least_95_of_100_samples():
    """Four candidates as good as the champion: some bound is above the true gain of 0 in at most 5 % of the samples."""
    rng, samples = np.random.default_rng(7), 100
    missed = 0
    for run in range(samples):
        shared = rng.random((400, 1)) < 0.8
        right = np.where(shared, rng.random((400, 1)) < 0.75, rng.random((400, 5)) < 0.75).astype(np.int8)
        missed += bool((gain_lower_bounds(right[:, 1:] - right[:, :1], seed=run) > 0).any())
    assert 1 <= missed <= binom.ppf(0.999, samples, 0.05)


def won_and_lost(won, lost, images=1000):
    return np.repeat(np.array([1, -1, 0], np.int8), [won, lost, images - won - lost])[:, None]


def test_a_single_gain_is_shown_where_the_exact_mcnemar_test_shows_it():
    """Over counts of up to 40 differing images: never where the exact one-sided p-value is above 5 %, and rarely not
    where it is below."""
    missed = 0
    for discordant in range(1, 41):
        for won in range(discordant // 2, discordant + 1):
            (bound,) = gain_lower_bounds(won_and_lost(won, discordant - won), seed=0)
            significant = binom.sf(won - 1, discordant, 0.5) <= 0.05
            assert significant or bound <= 0
            missed += significant and bound <= 0
    assert missed <= 2


def test_the_best_of_many_has_to_gain_more():
    rng = np.random.default_rng(1)
    single = won_and_lost(60, 40)
    many = np.concatenate([rng.permutation(single) for _ in range(9)], axis=1)
    assert gain_lower_bounds(many, seed=0).max() < gain_lower_bounds(single, seed=0)[0]


def test_the_same_candidate_again_does_not_widen_a_bound():
    single = won_and_lost(60, 40)
    copies = np.repeat(single, 9, axis=1)
    assert gain_lower_bounds(copies, seed=0) == pytest.approx(gain_lower_bounds(single, seed=0)[0], abs=3e-4)


def test_a_hopeless_candidate_widens_a_bound_by_its_being_one_more_alone():
    rng = np.random.default_rng(2)
    good, hopeless = won_and_lost(70, 30), rng.permutation(won_and_lost(20, 620))
    rival = rng.permutation(won_and_lost(50, 50))
    with_hopeless = gain_lower_bounds(np.hstack([good, hopeless]), seed=0)[0]
    with_rival = gain_lower_bounds(np.hstack([good, rival]), seed=0)[0]
    assert with_hopeless == pytest.approx(with_rival, abs=4e-4)


@pytest.mark.parametrize("differences", [won_and_lost(0, 0), won_and_lost(2, 0, images=2), won_and_lost(3, 0)])
def test_no_variance_and_few_differences_show_no_gain(differences):
    assert gain_lower_bounds(differences, seed=0)[0] < 0


def test_a_gain_on_every_image_is_shown():
    assert 0.8 < gain_lower_bounds(won_and_lost(1000, 0), seed=0)[0] < 1
