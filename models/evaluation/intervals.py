"""Confidence intervals of a proportion and of a mean."""

import math

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Compute the 95 % Wilson score interval of a proportion, each end 0..1.

    Args:
        successes: number of successes, 0..trials.
        trials: number of trials, at least 1.

    Example:
        >>> low, high = wilson_interval(90, 100)
        >>> f"{low:.3f} to {high:.3f}"
        '0.826 to 0.945'

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def mean_interval(values: NDArray[np.floating]) -> tuple[float, float]:
    """Compute the 95 % interval of a mean of values in 0..1 by Student's t, each end 0..1.

    Args:
        values: (n,), at least one; one value alone says nothing, so its interval is all of 0..1.

    Example:
        >>> low, high = mean_interval(np.array([0.4, 0.5, 0.6]))
        >>> f"{low:.3f} to {high:.3f}"
        '0.252 to 0.748'
    """
    from scipy.stats import t

    if len(values) < 2:
        return 0.0, 1.0
    half = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return max(0.0, float(values.mean()) - half), min(1.0, float(values.mean()) + half)
