"""Means over images and seeds, with intervals that hold for other images and other seeds."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from data.base.record import Record
from models.evaluation.intervals import CONFIDENCE


class Interval(Record):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Estimate(NamedTuple):
    """Mean over seeds and images, with the variances for its interval."""

    by_seed: NDArray[np.float64]
    image_variance: float
    groups: int


def estimate_mean(
    values: NDArray[np.float64], groups: pd.Series, weights: NDArray[np.float64] | None = None
) -> Estimate:
    """Average over seeds and images.

    Args:
        values: (images, seeds).
        groups: the picture that each image shows; images of one group are not independent evidence.
        weights: (images,) with mean 1; all are 1 if not given.

    Source: Liang and Zeger (1986), "Longitudinal data analysis using generalized linear models": the variance of a
    mean of clustered values.
    """
    weighted = np.ones(len(values)) if weights is None else weights
    by_seed = weighted @ values / len(values)
    deviations = weighted * (values.mean(axis=1) - by_seed.mean())
    sums = pd.Series(deviations).groupby(groups.to_numpy()).sum().to_numpy()
    variance = float((sums**2).sum()) / len(values) ** 2 * len(sums) / (len(sums) - 1)
    return Estimate(by_seed=by_seed, image_variance=variance, groups=len(sums))


def subtract(first: Estimate, second: Estimate) -> Estimate:
    """Return the first mean minus the second: the same seeds, images of different pictures."""
    return Estimate(
        by_seed=first.by_seed - second.by_seed,
        image_variance=first.image_variance + second.image_variance,
        groups=min(first.groups, second.groups),
    )


def make_interval(estimate: Estimate, lowest: float = -1.0) -> Interval:
    """Return the 95 % interval of an estimate, valid for other images and other seeds.

    The variances over images and over seeds are added. Student's t accounts for the small number of seeds, with
    Satterthwaite's degrees of freedom. The variation that belongs to a pair of image and seed is in both variances, so
    the interval is rather too wide than too narrow. With one seed, the interval covers only the variation over images.

    Args:
        estimate: an accuracy or a difference of accuracies.
        lowest: smallest possible value: 0 for an accuracy, -1 for a difference; the largest is 1 for both.

    Source: Cameron, Gelbach and Miller (2011), "Robust inference with multiway clustering", without the subtraction
    of the common part; Satterthwaite (1946), "An approximate distribution of estimates of variance components".
    """
    value, seeds = float(estimate.by_seed.mean()), len(estimate.by_seed)
    parts = [(estimate.image_variance, estimate.groups - 1)]
    if seeds > 1:
        parts.append((float(estimate.by_seed.var(ddof=1)) / seeds, seeds - 1))
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return Interval(value=value, low=value, high=value)
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * variance**0.5
    return Interval(value=value, low=max(lowest, value - half), high=min(1.0, value + half))


def format_interval(interval: Interval, signed: bool = False) -> str:
    """Format an interval in hundredths, such as "74.1 (72.8 to 75.4)"."""
    sign = "+" if signed else ""
    return f"{100 * interval.value:{sign}.1f} ({100 * interval.low:{sign}.1f} to {100 * interval.high:{sign}.1f})"
