"""Confidence interval of a proportion."""

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
