"""The interval of a proportion, by the equation that its ends solve."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from models.evaluation.intervals import wilson_interval

COUNTS = [(0, 1), (1, 1), (0, 5), (5, 5), (3, 10), (94, 128), (3800, 4977)]


@pytest.mark.parametrize(("successes", "trials"), COUNTS)
def test_the_ends_are_the_proportions_that_a_two_sided_z_test_just_accepts(successes, trials):
    """Wilson's ends p solve (successes / trials - p)² = z² p (1 - p) / trials, with z of 2.5 % on each side."""
    share, z = successes / trials, norm.ppf(0.975)
    for end in wilson_interval(successes, trials):
        assert (share - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / trials, abs=1e-12)


@pytest.mark.parametrize(("successes", "trials"), COUNTS)
def test_an_interval_holds_its_proportion_and_mirrors_that_of_the_failures(successes, trials):
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1 and low < high
    assert wilson_interval(trials - successes, trials) == pytest.approx((1 - high, 1 - low))


def test_more_images_make_an_interval_narrower():
    widths = [high - low for low, high in (wilson_interval(3 * n // 4, n) for n in (4, 16, 128, 1024, 4976))]
    assert widths == sorted(widths, reverse=True)


def test_the_interval_covers_the_truth_95_times_of_100_on_average():
    """Counted exactly over all outcomes of 60 trials, for many true proportions."""
    truths, outcomes = np.linspace(0.05, 0.95, 91), np.arange(61)
    ends = np.array([wilson_interval(count, 60) for count in range(61)])
    covering = (ends[:, :1] <= truths) & (truths <= ends[:, 1:])
    coverage = (binom.pmf(outcomes[:, None], 60, truths) * covering).sum(axis=0)
    assert coverage.mean() == pytest.approx(0.95, abs=0.01)
    assert coverage.min() > 0.9
