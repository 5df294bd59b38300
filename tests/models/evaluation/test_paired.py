"""The statistics of comparison against independent computations and simulations."""

import numpy as np
import pytest
from scipy.stats import binom, chi2_contingency

from models.evaluation.intervals import wilson_interval
from models.evaluation.paired import best_of_many, compare_proportions, compare_with_best, mcnemar_p_value
from models.promotion.gain_bound import gain_lower_bounds


def flags(rng, images, accuracy):
    return rng.random(images) < accuracy


def test_wilson_interval_by_its_formula():
    n, p, z = 128, 94 / 128, 1.959963984540054
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert wilson_interval(94, 128) == pytest.approx((centre - half, centre + half), abs=1e-9)


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (5, 5)])
def test_wilson_interval_stays_in_range_at_the_ends(successes, trials):
    low, high = wilson_interval(successes, trials)
    assert 0 <= low < high <= 1


def test_mcnemar_counts_discordant_images_alone():
    first = np.array([True] * 50 + [True] * 9 + [False] * 1)
    second = np.array([True] * 50 + [False] * 9 + [True] * 1)
    # Two-sided exact: P(X <= 1 or X >= 9), X ~ Binomial(10, 1/2).
    assert mcnemar_p_value(first, second) == pytest.approx(2 * (1 + 10) / 2**10)
    assert mcnemar_p_value(first, first) == 1.0


def test_comparisons_name_the_best_and_agree_with_the_accuracies():
    rng = np.random.default_rng(0)
    correct = {"low": flags(rng, 2000, 0.6), "high": flags(rng, 2000, 0.8), "middle": flags(rng, 2000, 0.7)}
    comparisons = compare_with_best(correct, seed=1)
    assert [(c.name, c.best) for c in comparisons] == [("middle", "high"), ("low", "high")]
    for c in comparisons:
        assert c.difference == pytest.approx(correct["high"].mean() - correct[c.name].mean())
        assert c.low < c.difference < c.high
        assert c.p_holm >= c.p_value


def test_one_variant_has_nothing_to_compare_with():
    assert compare_with_best({"alone": np.array([True, False])}, seed=0) == ()


def test_equal_variants_do_not_differ():
    same = flags(np.random.default_rng(0), 500, 0.7)
    (comparison,) = compare_with_best({"a": same, "b": same.copy()}, seed=0)
    assert (comparison.difference, comparison.low, comparison.high, comparison.p_holm) == (0, 0, 0, 1)


def test_best_of_many_holds_its_level_where_all_are_equal():
    """With nine equally good variants the plain interval of the winner lies too high; the simultaneous one covers."""
    rng, covered, truth, runs = np.random.default_rng(3), 0, 0.7, 100
    for run in range(runs):
        correct = {str(k): flags(rng, 1000, truth) for k in range(9)}
        best = best_of_many(correct, seed=run)
        covered += best.low <= truth <= best.high
    assert covered >= binom.ppf(0.001, runs, 0.95)


def test_best_of_many_is_wider_than_the_interval_of_one():
    rng = np.random.default_rng(5)
    correct = {str(k): flags(rng, 1000, 0.7) for k in range(9)}
    many = best_of_many(correct, seed=0)
    low, _ = wilson_interval(int(correct[many.name].sum()), 1000)
    assert many.low < low
    assert many.candidates == 9
    assert many.accuracy == max(c.mean() for c in correct.values())


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


def test_proportions_of_two_runs_give_the_p_value_of_the_chi_square_test():
    """The pooled z test of two proportions is the chi-square test of the two-by-two table."""
    (before, after), (images_before, images_after) = (60, 150), (100, 200)
    (found,) = compare_proportions([(before, images_before)], [(after, images_after)])
    table = [[before, images_before - before], [after, images_after - after]]
    assert found.p_value == pytest.approx(chi2_contingency(table, correction=False).pvalue, rel=1e-9)
    assert found.p_holm == found.p_value
    assert found.gain == pytest.approx(0.15)


def test_intervals_of_two_runs_are_newcombe_s():
    """Example (a) of table II in Newcombe (1998): 56 of 70 and 48 of 80, method 10: 0.0524 to 0.3339."""
    (found,) = compare_proportions([(48, 80)], [(56, 70)])
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_intervals_of_two_runs_hold_for_all_pairs_at_once():
    (alone,) = compare_proportions([(48, 80)], [(56, 70)])
    first, second = compare_proportions([(48, 80), (40, 80)], [(56, 70), (30, 70)])
    assert first.low < alone.low < alone.high < first.high
    assert first.p_holm == pytest.approx(2 * first.p_value)
    assert second.gain < 0 < second.high


def test_two_runs_that_are_right_on_all_images_do_not_differ():
    (found,) = compare_proportions([(50, 50)], [(70, 70)])
    assert (found.gain, found.p_value) == (0, 1.0)
