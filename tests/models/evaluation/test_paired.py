"""The statistics of comparison against independent computations and simulations."""

from dataclasses import FrozenInstanceError
from math import comb
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, chi2_contingency, norm

from models.evaluation.intervals import wilson_interval
from models.evaluation.paired import (
    best_of_many,
    compare_matched,
    compare_proportions,
    compare_with_best,
    fisher_p_value,
    group_ties,
    mcnemar_p_value,
    paired_intervals,
)
from tests.support.holm import holm


def flags(rng, images, accuracy):
    return rng.random(images) < accuracy


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
        correct = {str(k): flags(rng, 300, truth) for k in range(9)}
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


def test_proportions_of_two_runs_give_the_p_value_of_the_chi_square_test():
    """The pooled z test of two proportions is the chi-square test of the two-by-two table."""
    (before, after), (images_before, images_after) = (60, 150), (100, 200)
    (found,) = compare_proportions([(before, images_before)], [(after, images_after)])
    table = [[before, images_before - before], [after, images_after - after]]
    chi_square: Any = chi2_contingency(table, correction=False)
    assert found.p_value == pytest.approx(chi_square.pvalue, rel=1e-9)
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


def answers(wins, losses, both=40, neither=10):
    """Return right and wrong answers of two variants: the second wins some images and loses some."""
    counts = [wins, losses, both, neither]
    return np.repeat([False, True, True, False], counts), np.repeat([True, False, True, False], counts)


def sign_test(wins, losses):
    """Count the ways to flip a coin that are as uneven as these, of all ways."""
    images = wins + losses
    return min(1.0, 2 * sum(comb(images, k) for k in range(min(wins, losses) + 1)) / 2**images)


DISJOINT = {"a": np.arange(4000) % 4 == 0, "b": np.arange(4000) % 4 == 1, "c": np.arange(4000) % 4 == 2}


@pytest.mark.parametrize(("wins", "losses"), [(0, 1), (1, 0), (7, 2), (2, 7), (30, 50), (6, 6)])
def test_mcnemar_is_the_sign_test_of_the_images_that_differ(wins, losses):
    first, second = answers(wins, losses)
    assert mcnemar_p_value(first, second) == pytest.approx(sign_test(wins, losses))
    assert mcnemar_p_value(second, first) == mcnemar_p_value(first, second)


def test_fisher_sums_the_tables_that_are_no_more_probable():
    """The lady and her tea: 3 of 4 cups right, of tables with probabilities 1, 16, 36, 16 and 1 of 70."""
    assert fisher_p_value((3, 4), (1, 4)) == pytest.approx((1 + 16 + 16 + 1) / 70)
    assert fisher_p_value((4, 4), (0, 4)) == pytest.approx(2 / 70)
    assert fisher_p_value((2, 4), (2, 4)) == 1


def test_the_interval_of_one_pair_is_the_normal_one():
    """300 wins and 200 losses of 2,000 images: the spread of the mean difference by its formula."""
    first, second = answers(200, 300, 1200, 300)
    ((low, high),) = paired_intervals({"first": first, "second": second}, [("first", "second")], seed=0)
    half = norm.ppf(0.975) * np.sqrt((500 / 2000 - 0.05**2) / 2000)
    assert (low + high) / 2 == pytest.approx(0.05)
    assert (high - low) / 2 == pytest.approx(half, rel=0.04)


def test_intervals_hold_for_all_pairs_at_once():
    """Differences of independent pairs are independent, so that each interval holds with the root of 95 %."""
    rng = np.random.default_rng(4)
    correct = {name: flags(rng, 3000, 0.5) for name in "abcdefgh"}
    pairs = [("a", "b"), ("c", "d"), ("e", "f"), ("g", "h")]
    quantile = norm.ppf((1 + 0.95 ** (1 / 4)) / 2)
    for (first, second), (low, high) in zip(pairs, paired_intervals(correct, pairs, seed=0), strict=True):
        spread = np.std(correct[first].astype(int) - correct[second]) / np.sqrt(3000)
        assert (low + high) / 2 == pytest.approx(correct[first].mean() - correct[second].mean())
        assert (high - low) / 2 == pytest.approx(quantile * spread, rel=0.05)


def test_no_pairs_have_no_intervals():
    assert paired_intervals(DISJOINT, [], seed=0) == []


def test_intervals_cover_the_true_differences():
    """Three variants of one difficulty per image: all three intervals hold in at least 95 % of samples, less chance."""
    rng, samples, pairs = np.random.default_rng(11), 60, [("a", "b"), ("a", "c"), ("b", "c")]
    truth = {"a": 0.8, "b": 0.7, "c": 0.6}
    covered = 0
    for run in range(samples):
        difficulty = rng.random(300)
        correct = {name: (difficulty + rng.random(300)) / 2 < np.sqrt(rate / 2) for name, rate in truth.items()}
        accuracy = {name: 1 - 2 * (1 - np.sqrt(rate / 2)) ** 2 for name, rate in truth.items()}
        intervals = paired_intervals(correct, pairs, seed=run)
        differences = [accuracy[first] - accuracy[second] for first, second in pairs]
        covered += all(low <= d <= high for d, (low, high) in zip(differences, intervals, strict=True))
    assert covered >= binom.ppf(0.001, samples, 0.95)


def test_ties_are_split_only_below_the_level():
    """Six images that one variant alone has right: p = 2 / 2**6."""
    correct = {"first": np.ones(20, bool), "second": np.arange(20) >= 6}
    assert group_ties(correct, 2 / 2**6) == (("first", "second"),)
    assert group_ties(correct, 2 / 2**6 + 1e-9) == (("first",), ("second",))


def test_ties_are_corrected_for_the_number_of_pairs():
    """Of three pairs, the smallest p-value of 2 / 2**6 counts three times."""
    top = np.ones(20, bool)
    correct = {"first": top, "twin": top, "last": np.arange(20) >= 6}
    assert group_ties(correct, 2.9 * 2 / 2**6) == (("first", "twin", "last"),)
    assert group_ties(correct, 3.1 * 2 / 2**6) == (("first", "twin"), ("last",))


def test_ties_of_a_ladder_overlap():
    """Only neighbours are alike: groups of two, in the order of their best, and none inside another."""
    ladder = {name: np.arange(100) >= 6 * step for step, name in enumerate("abcde")}
    assert group_ties(ladder, 0.05) == (("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"))


def test_the_accuracy_of_a_single_variant_has_the_normal_interval():
    best = best_of_many({"alone": np.arange(2000) < 1400}, seed=0)
    half = norm.ppf(0.975) * np.sqrt(0.7 * 0.3 / 2000)
    assert (best.name, best.candidates, best.accuracy) == ("alone", 1, 0.7)
    assert (0.7 - best.low, best.high - 0.7) == pytest.approx((half, half), rel=0.06)


def test_each_end_of_the_best_of_independent_variants_has_its_own_error_rate():
    """Of eight: each end is missed by any of them in 2.5 % of the samples."""
    rng = np.random.default_rng(8)
    correct = {str(k): rng.permutation(np.arange(1000) < 700 - k % 2) for k in range(8)}
    best = best_of_many(correct, seed=0)
    half = norm.ppf(0.975 ** (1 / 8)) * np.sqrt(0.7 * 0.3 / 1000)
    assert best.name == "0"
    assert (0.7 - best.low, best.high - 0.7) == pytest.approx((half, half), rel=0.06)


@pytest.mark.parametrize(("right", "images"), [(1, 20), (19, 20), (4, 40), (36, 40)])
def test_the_interval_of_few_images_mirrors_the_resampled_accuracies_and_stays_in_range(right, images):
    """Accuracies of resamples are binomial; a basic bootstrap interval mirrors their quantiles at the accuracy."""
    share = right / images
    lowest, highest = binom.ppf([0.025, 0.975], images, share) / images
    best = best_of_many({"alone": np.arange(images) < right}, seed=0)
    expected = max(0.0, 2 * share - highest), min(1.0, 2 * share - lowest)
    assert (best.low, best.high) == pytest.approx(expected, abs=1e-9)


def test_comparisons_are_of_all_pairs_with_the_best_and_their_p_values_are_corrected():
    correct = {
        "fair": np.arange(100) >= 12,
        "best": np.arange(100) >= 5,
        "poor": np.arange(100) >= 30,
    }
    exact = [2 / 2**7, 2 / 2**18, 2 / 2**25]  # images between two of the thresholds, won by one alone
    corrected = holm(exact)
    fair, poor = compare_with_best(correct, seed=0)
    assert (fair.name, fair.best, poor.name, poor.best) == ("fair", "best", "poor", "best")
    assert (fair.difference, poor.difference) == pytest.approx((0.07, 0.25))
    assert (fair.p_value, poor.p_value) == pytest.approx((exact[0], exact[2]))
    assert (fair.p_holm, poor.p_holm) == pytest.approx((corrected[0], corrected[2]))
    intervals = paired_intervals(correct, [("fair", "best"), ("fair", "poor"), ("best", "poor")], seed=0)
    assert (fair.low, fair.high) == pytest.approx((-intervals[0][1], -intervals[0][0]))
    assert (poor.low, poor.high) == pytest.approx(intervals[2])


def test_of_two_equally_good_variants_the_first_is_the_best():
    first, second = answers(10, 10)
    (comparison,) = compare_with_best({"first": first, "second": second}, seed=0)
    assert (comparison.name, comparison.best) == ("second", "first")
    assert best_of_many({"first": first, "second": second}, seed=0).name == "first"


def test_a_variant_is_compared_with_itself_in_an_earlier_run():
    (before, after), (worse_before, worse_after) = answers(30, 10), answers(5, 9, 36, 40)
    won, lost = compare_matched({"one": before, "two": worse_before}, {"two": worse_after, "one": after}, seed=0)
    assert (won.gain, lost.gain) == pytest.approx((20 / 90, -4 / 90))
    exact = [sign_test(30, 10), sign_test(5, 9)]
    assert [won.p_value, lost.p_value] == pytest.approx(exact)
    assert [won.p_holm, lost.p_holm] == pytest.approx(holm(exact))
    names = {"one": before, "two": worse_before, "one later": after, "two later": worse_after}
    intervals = paired_intervals(names, [("one later", "one"), ("two later", "two")], seed=0)
    assert [(won.low, won.high), (lost.low, lost.high)] == [pytest.approx(interval) for interval in intervals]


def test_a_difference_does_not_change():
    (found,) = compare_proportions([(48, 80)], [(56, 70)])
    with pytest.raises(FrozenInstanceError):
        found.gain = 0.5  # type: ignore[misc]


def test_runs_without_a_variant_in_common_have_no_differences():
    assert compare_matched({}, {"new": np.ones(3, bool)}, seed=0) == []
    assert compare_proportions([], []) == []


def test_a_report_that_is_made_again_has_the_same_intervals():
    """Figures that were computed once, so that a change of the draws is seen; it would change every report."""
    correct = {"a": np.arange(100) >= 12, "b": np.arange(100) >= 5, "c": np.arange(100) >= 30}
    ((low, high), _) = paired_intervals(correct, [("b", "a"), ("b", "c")], seed=1)
    assert (low, high) == pytest.approx((0.017183143288, 0.122816856712), abs=1e-10)


def test_variants_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="zip"):
        compare_proportions([(48, 80), (40, 80)], [(56, 70)])
    with pytest.raises(KeyError, match="gone"):
        compare_matched({"gone": np.ones(3, bool)}, {"other": np.ones(3, bool)}, seed=0)


def test_bootstraps_follow_their_seed():
    first = best_of_many(DISJOINT, seed=1)
    assert first == best_of_many(DISJOINT, seed=1)
    assert first != best_of_many(DISJOINT, seed=2)


def score_ends(successes, trials, z):
    """Return Wilson's ends by their closed formula."""
    share = successes / trials
    centre, half = share + z**2 / (2 * trials), z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return (centre - half) / (1 + z**2 / trials), (centre + half) / (1 + z**2 / trials)


@pytest.mark.parametrize("pairs", [1, 2, 5])
def test_intervals_of_two_runs_join_score_intervals_at_bonferroni_s_level(pairs):
    found = compare_proportions([(48, 80)] * pairs, [(57, 70)] * pairs)
    z = norm.ppf(1 - 0.05 / pairs / 2)
    (low_before, high_before), (low_after, high_after) = score_ends(48, 80, z), score_ends(57, 70, z)
    before, after = 48 / 80, 57 / 70
    low = after - before - np.sqrt((after - low_after) ** 2 + (high_before - before) ** 2)
    high = after - before + np.sqrt((high_after - after) ** 2 + (before - low_before) ** 2)
    for difference in found:
        assert (difference.gain, difference.low, difference.high) == pytest.approx((after - before, low, high))
        assert difference.p_holm == pytest.approx(min(1, pairs * difference.p_value))


@pytest.mark.parametrize(("before", "after"), [((0, 30), (0, 50)), ((30, 30), (50, 50)), ((15, 30), (25, 50))])
def test_two_runs_of_one_accuracy_do_not_differ(before, after):
    (found,) = compare_proportions([before], [after])
    assert (found.gain, found.p_value, found.p_holm) == (0, 1, 1)
    assert found.low < 0 < found.high


def test_a_loss_has_the_p_value_of_the_gain_it_mirrors():
    (gain,), (loss,) = compare_proportions([(60, 100)], [(150, 200)]), compare_proportions([(150, 200)], [(60, 100)])
    assert loss.p_value == pytest.approx(gain.p_value)
    assert (loss.gain, loss.low, loss.high) == pytest.approx((-gain.gain, -gain.high, -gain.low))
