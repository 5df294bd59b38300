"""Lower bound of the accuracy gain of the best of several variants."""

import numpy as np

from models.evaluation.intervals import CONFIDENCE

NORMAL_DRAWS = 10_000


def gain_lower_bounds(differences: np.ndarray, seed: int) -> np.ndarray:
    """Compute a lower bound for the mean of each column, such that all bounds hold at once with 95 % (one-sided).

    So the bound also holds for a column that was chosen for its mean. The multiplier bootstrap draws the largest
    studentised deviation; with normal multipliers it is the largest of correlated normals, so images need not be
    resampled. Because of the studentising, a bad candidate, which differs on half of the images, does not widen the
    bounds of the others. Each standard error assumes a mean of 0, and a continuity correction is subtracted, so that
    with one column and few differences a bound above 0 agrees with the exact McNemar test.

    Args:
        differences: (n, k) of -1, 0 and 1: right answers of k candidates minus those of their opponent.
        seed: seed of the draws.

    Returns:
        (k,) floats; below the mean by at least 1/n.

    Source: Chernozhukov, Chetverikov and Kato (2013), "Gaussian approximations and multiplier bootstrap for maxima of
    sums of high-dimensional random vectors"; Edwards (1948), "Note on the correction for continuity".
    """
    values = differences.astype(np.float64)
    errors = np.sqrt((values**2).mean(axis=0) / len(values))
    return values.mean(axis=0) - _largest_of_normals(values, seed) * errors - 1 / len(values)


def _largest_of_normals(values: np.ndarray, seed: int) -> float:
    """Draw the 95 % quantile of the largest of normals correlated like the columns; at least that of one normal."""
    from scipy.stats import norm

    centred = values - values.mean(axis=0)
    covariance = centred.T @ centred / len(values)
    spread = np.sqrt(np.diag(covariance))
    scale = np.where(spread > 0, spread, 1)
    correlation = covariance / np.outer(scale, scale)
    # Columns may be equal, and then the Cholesky decomposition fails.
    draws = np.random.default_rng(seed).multivariate_normal(
        np.zeros(len(scale)), correlation, size=NORMAL_DRAWS, check_valid="ignore", method="eigh"
    )
    return max(float(np.quantile(draws.max(axis=1), CONFIDENCE)), float(norm.ppf(CONFIDENCE)))
