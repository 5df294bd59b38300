"""Tests and intervals for differences between variants, on the same images or between two runs."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from data.quality.multiple_testing import holm_correction
from data.records.run import BestOfMany, Comparison
from models.evaluation.intervals import CONFIDENCE

RESAMPLES = 5000


@dataclass(frozen=True)
class Difference:
    """Change in the accuracy of a variant, with its interval and p-values."""

    gain: float
    """Later accuracy minus earlier one, -1..1."""
    low: float
    high: float
    p_value: float
    p_holm: float


def mcnemar_p_value(first: np.ndarray, second: np.ndarray) -> float:
    """Compute the exact two-sided McNemar p-value for the hypothesis that two variants are equally accurate.

    Args:
        first: (n,) booleans, whether the first variant is right on each image.
        second: (n,) booleans for the second variant, same images in the same order.

    Example:
        The variants disagree on six images, and only the first one is right there.

        >>> first, second = np.ones(100, bool), np.arange(100) >= 6
        >>> mcnemar_p_value(first, second)
        0.03125

    Source: McNemar (1947), "Note on the sampling error of the difference between correlated proportions".
    """
    from scipy.stats import binomtest

    only_first = int((first & ~second).sum())
    discordant = only_first + int((second & ~first).sum())
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def fisher_p_value(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Compute the exact two-sided p-value for the hypothesis that two proportions on different images are equal.

    Args:
        first: successes and trials.
        second: successes and trials of other images.

    Source: Fisher (1922), "On the interpretation of chi-squared from contingency tables".
    """
    from scipy.stats import fisher_exact

    table = [[successes, trials - successes] for successes, trials in (first, second)]
    result: Any = fisher_exact(table)
    return float(result.pvalue)


def paired_intervals(
    correct: dict[str, np.ndarray], pairs: list[tuple[str, str]], seed: int
) -> list[tuple[float, float]]:
    """Compute simultaneous 95 % intervals for the accuracy of the first of each pair minus that of the second.

    Args:
        correct: variant -> (n,) booleans on the same images in the same order.
        pairs: pairs of variants.
        seed: seed of the resampling.
    """
    names = list(correct)
    table = np.stack(list(correct.values()), axis=1)
    places = [(names.index(first), names.index(second)) for first, second in pairs]
    half_widths = _simultaneous_half_widths(table, places, seed)
    differences = [float(table[:, i].mean() - table[:, j].mean()) for i, j in places]
    return [(d - float(half), d + float(half)) for d, half in zip(differences, half_widths, strict=True)]


def group_ties(correct: dict[str, np.ndarray], level: float) -> tuple[tuple[str, ...], ...]:
    """Find the largest groups of variants that do not differ from each other, by Holm-corrected exact McNemar tests.

    Args:
        correct: variant -> (n,) booleans on the same images in the same order, best first.
        level: a corrected p-value below it counts as a difference.

    Returns:
        Groups in the order of their best variants; a variant may be in several, and is in at least one.

    Source: Piepho (2004), "An algorithm for a letter-based representation of all-pairwise comparisons".
    """
    pairs = list(combinations(correct, 2))
    p_holm = holm_correction([mcnemar_p_value(correct[a], correct[b]) for a, b in pairs])
    groups = [frozenset(correct)]
    for pair, p_value in zip(pairs, p_holm, strict=True):
        if p_value < level:
            split = [group - {one} for group in groups for one in (pair if group.issuperset(pair) else ("",))]
            groups = [group for group in dict.fromkeys(split) if not any(group < other for other in split)]
    order = {name: place for place, name in enumerate(correct)}
    ranked = [tuple(sorted(group, key=order.__getitem__)) for group in groups if group]
    return tuple(sorted(ranked, key=lambda group: [order[name] for name in group]))


def best_of_many(correct: dict[str, np.ndarray], seed: int) -> BestOfMany:
    """Find the most accurate variant, with an interval that accounts for the choice of the best of k.

    The bootstrap distribution of the largest deviation over all variants gives a simultaneous interval, which holds
    for any variant that leads (the max-T idea of Westfall and Young, 1993, "Resampling-based multiple
    testing").

    Args:
        correct: variant -> (n,) booleans on the same images in the same order.
        seed: seed of the resampling.
    """
    table = np.stack(list(correct.values()), axis=1)
    accuracies = table.mean(axis=0)
    deviations = _resampled_means(table, seed) - accuracies
    upper_tail = (1 + CONFIDENCE) / 2
    winner = int(accuracies.argmax())
    return BestOfMany(
        name=list(correct)[winner],
        candidates=len(correct),
        accuracy=float(accuracies[winner]),
        low=max(0.0, float(accuracies[winner] - np.quantile(deviations.max(axis=1), upper_tail))),
        high=min(1.0, float(accuracies[winner] + np.quantile(-deviations.min(axis=1), upper_tail))),
    )


def compare_with_best(correct: dict[str, np.ndarray], seed: int) -> tuple[Comparison, ...]:
    """Compare every other variant with the most accurate one on the same images.

    The best variant was chosen on these images, so the corrections cover all pairs of variants: Holm for the exact
    McNemar p-values, and the largest studentised bootstrap deviation over all pairs for the intervals.

    Args:
        correct: variant -> (n,) booleans on the same images in the same order.
        seed: seed of the resampling.
    """
    names = list(correct)
    table = np.stack(list(correct.values()), axis=1)
    best = int(table.mean(axis=0).argmax())
    pairs = list(combinations(range(len(names)), 2))
    p_values = [mcnemar_p_value(table[:, i], table[:, j]) for i, j in pairs]
    p_holm = holm_correction(p_values)
    half_widths = _simultaneous_half_widths(table, pairs, seed)
    comparisons = []
    for index, pair in enumerate(pairs):
        if best in pair:
            other = pair[0] if pair[1] == best else pair[1]
            difference = float(table[:, best].mean() - table[:, other].mean())
            comparisons.append(
                Comparison(
                    name=names[other],
                    best=names[best],
                    difference=difference,
                    low=difference - float(half_widths[index]),
                    high=difference + float(half_widths[index]),
                    p_value=p_values[index],
                    p_holm=p_holm[index],
                )
            )
    return tuple(sorted(comparisons, key=lambda comparison: comparison.difference))


def compare_matched(earlier: dict[str, np.ndarray], later: dict[str, np.ndarray], seed: int) -> list[Difference]:
    """Compare each variant with itself in an earlier run, on the same images.

    The p-values are exact McNemar p-values, corrected by Holm over the variants. The intervals hold for all variants at
    once, by the largest studentised deviation of the bootstrap.

    Args:
        earlier: variant -> (n,) booleans, right or wrong on each image.
        later: the same variants on the same images in the same order.
        seed: seed of the resampling.
    """
    if not earlier:
        return []
    names = list(earlier)
    table = np.stack([*earlier.values(), *(later[name] for name in names)], axis=1)
    pairs = [(index, index + len(names)) for index in range(len(names))]
    gains = [float(table[:, after].mean() - table[:, before].mean()) for before, after in pairs]
    p_values = [mcnemar_p_value(table[:, before], table[:, after]) for before, after in pairs]
    half_widths = _simultaneous_half_widths(table, pairs, seed).tolist()
    bounds = [(gain - half, gain + half) for gain, half in zip(gains, half_widths, strict=True)]
    return _differences(gains, bounds, p_values)


def compare_proportions(earlier: list[tuple[int, int]], later: list[tuple[int, int]]) -> list[Difference]:
    """Compare pairs of accuracies that were measured on different images.

    The p-values come from the pooled two-proportion z test, corrected by Holm over the pairs. The intervals are
    Newcombe's hybrid score intervals at the Bonferroni level, so that all hold at once.

    Args:
        earlier: number of right answers and number of images of each variant.
        later: the same numbers for the later run, in the same order.

    Source: Newcombe (1998), "Interval estimation for the difference between independent proportions", method 10.
    """
    level = 1 - (1 - CONFIDENCE) / max(1, len(earlier))
    gains = [after[0] / after[1] - before[0] / before[1] for before, after in zip(earlier, later, strict=True)]
    bounds = [_newcombe_interval(before, after, level) for before, after in zip(earlier, later, strict=True)]
    p_values = [_two_proportion_p_value(before, after) for before, after in zip(earlier, later, strict=True)]
    return _differences(gains, bounds, p_values)


def _differences(gains: list[float], bounds: list[tuple[float, float]], p_values: list[float]) -> list[Difference]:
    corrected = holm_correction(p_values)
    return [
        Difference(gain=gain, low=low, high=high, p_value=p_value, p_holm=p_holm)
        for gain, (low, high), p_value, p_holm in zip(gains, bounds, p_values, corrected, strict=True)
    ]


def _newcombe_interval(earlier: tuple[int, int], later: tuple[int, int], level: float) -> tuple[float, float]:
    """Compute the interval of the later proportion minus the earlier one."""
    from scipy.stats import binomtest

    before, after = earlier[0] / earlier[1], later[0] / later[1]
    low_before, high_before = binomtest(*earlier).proportion_ci(level, method="wilson")
    low_after, high_after = binomtest(*later).proportion_ci(level, method="wilson")
    below = np.hypot(after - low_after, high_before - before)
    above = np.hypot(high_after - after, before - low_before)
    return float(after - before - below), float(after - before + above)


def _two_proportion_p_value(earlier: tuple[int, int], later: tuple[int, int]) -> float:
    from scipy.stats import norm

    pooled = (earlier[0] + later[0]) / (earlier[1] + later[1])
    error = np.sqrt(pooled * (1 - pooled) * (1 / earlier[1] + 1 / later[1]))
    gain = later[0] / later[1] - earlier[0] / earlier[1]
    return float(2 * norm.sf(abs(gain) / error)) if error > 0 else 1.0


def _simultaneous_half_widths(table: np.ndarray, pairs: list[tuple[int, int]], seed: int) -> np.ndarray:
    """Compute half the width of the simultaneous 95 % interval of each pair's difference."""
    if not pairs:
        return np.zeros(0)
    deviations = _resampled_means(table, seed) - table.mean(axis=0)
    differences = np.stack([deviations[:, i] - deviations[:, j] for i, j in pairs], axis=1)
    spread = differences.std(axis=0)
    studentised = np.abs(differences) / np.where(spread > 0, spread, 1)
    return np.quantile(studentised.max(axis=1), CONFIDENCE) * spread


def _resampled_means(table: np.ndarray, seed: int) -> np.ndarray:
    """Compute (resamples, variants) accuracies on bootstrap resamples of the images.

    Images with the same right and wrong answers are interchangeable, so one multinomial draw over the distinct rows
    equals drawing n images one by one.
    """
    rows, counts = np.unique(table, axis=0, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(counts.sum(), counts / counts.sum(), size=RESAMPLES)
    return draws @ rows / counts.sum()
