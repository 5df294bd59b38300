"""Lower bounds of the gain in accuracy of the best of several variants."""

import numpy as np
from scipy.stats import norm

from models.evaluation.intervals import CONFIDENCE

NORMAL_DRAWS = 10_000


def gain_lower_bounds(differences: np.ndarray, seed: int) -> np.ndarray:
    """Return a lower bound of the mean of each column, such that all hold at once with 95 % (one-sided).

    So the bound of a column that was chosen for its mean holds too. The largest studentised deviation is drawn by the
    multiplier bootstrap; with normal multipliers it is that of correlated normals, which needs no resampling of images.
    Studentised, a hopeless candidate, which differs on half of the images, does not widen the bounds of the others.
    Each error is that of a mean of 0, and a continuity correction is taken off, so that with one column and few
    differences a bound above 0 agrees with the exact McNemar test.

    Args:
        differences: (n, k) of -1, 0 and 1: right answers of k candidates minus those of the one they are compared with.
        seed: of the draws.

    Returns:
        (k,) floats; below the mean by at least 1/n.

    Source: Chernozhukov, Chetverikov and Kato (2013), "Gaussian approximations and multiplier bootstrap for maxima of
    sums of high-dimensional random vectors"; Edwards (1948), "Note on the correction for continuity".
    """
    values = differences.astype(np.float64)
    errors = np.sqrt((values**2).mean(axis=0) / len(values))
    return values.mean(axis=0) - _largest_of_normals(values, seed) * errors - 1 / len(values)


def _largest_of_normals(values: np.ndarray, seed: int) -> float:
    """Return the 95 % quantile of the largest of normals that are correlated as the columns; never that of fewer."""
    centred = values - values.mean(axis=0)
    covariance = centred.T @ centred / len(values)
    spread = np.sqrt(np.diag(covariance))
    scale = np.where(spread > 0, spread, 1)
    correlation = covariance / np.outer(scale, scale)
    # Columns may be equal, where Cholesky's decomposition fails.
    draws = np.random.default_rng(seed).multivariate_normal(
        np.zeros(len(scale)), correlation, size=NORMAL_DRAWS, check_valid="ignore", method="eigh"
    )
    return max(float(np.quantile(draws.max(axis=1), CONFIDENCE)), float(norm.ppf(CONFIDENCE)))
