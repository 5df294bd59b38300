"""Drift of scored faces against the images that a network was trained on.

A profile has only quantiles of its images. At these places their distribution is known, so that of the scored faces is
compared with it there: the distance that is found is certain at least, and the p-value is not too small.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from data.manifest.measures import MEASURES
from data.quality.drift import QUANTILES, ChangeLimits, DataProfile
from data.quality.multiple_testing import holm_correction
from data.records.scores import DriftLevel, MeasureDrift

TRAINED_PART = "train"
SIGNIFICANCE = 0.05


def measure_drift(
    profile: DataProfile, faces: Mapping[str, NDArray[np.float64]], limits: ChangeLimits | None = None
) -> tuple[MeasureDrift, ...]:
    """Compare each measure of scored faces with that of the train images.

    Args:
        profile: of the data set behind the network.
        faces: measure -> its value for each face, (n,), n at least 1.
        limits: distances that count, and the fewest images to judge; None takes the defaults.

    Returns:
        One comparison for each measure that the profile has, in the order of `MEASURES`.
    """
    limits = limits or ChangeLimits()
    images = count_trained(profile)
    trained = profile.quantiles.get(TRAINED_PART, {})
    names = [name for name in MEASURES if name in trained and name in faces]
    distances = [bound_distance(trained[name], faces[name]) for name in names]
    sizes = [len(faces[name]) for name in names]
    p_values = holm_correction([_p_value(d, images, n) for d, n in zip(distances, sizes, strict=True)])
    return tuple(
        MeasureDrift(
            measure=name,
            trained=trained[name][len(QUANTILES) // 2],
            scored=float(np.median(faces[name])),
            distance=distance,
            p_value=p_value,
            level=_grade(distance, p_value, min(images, size), limits),
        )
        for name, distance, size, p_value in zip(names, distances, sizes, p_values, strict=True)
    )


def count_trained(profile: DataProfile) -> int:
    """Return the number of train images."""
    return sum(profile.counts.get(TRAINED_PART, {}).values())


def bound_distance(quantiles: tuple[float, ...], values: NDArray[np.float64]) -> float:
    """Return the largest difference of two distributions at the places where the first one is known.

    Args:
        quantiles: of the first, at `QUANTILES`.
        values: drawn from the second, (n,).

    Returns:
        A lower bound of their Kolmogorov-Smirnov distance, 0..1.
    """
    ordered, levels = np.sort(values), np.array(QUANTILES)
    up_to = np.searchsorted(ordered, quantiles, side="right") / len(ordered)
    below = np.searchsorted(ordered, quantiles, side="left") / len(ordered)
    return float(max(0.0, (levels - up_to).max(), (below - levels).max()))


def _p_value(distance: float, images: int, faces: int) -> float:
    """Return the p-value of the two-sample Kolmogorov-Smirnov test.

    Source: its limit for large samples, as `scipy.stats.ks_2samp` computes it with method="asymp".
    """
    from scipy.stats import kstwobign

    size = math.sqrt(images * faces / max(1, images + faces))
    return float(kstwobign.sf(size * distance))


def _grade(distance: float, p_value: float, images: int, limits: ChangeLimits) -> DriftLevel:
    if images < limits.minimum_images:
        return "small"
    if p_value >= SIGNIFICANCE or distance <= limits.warning_distance:
        return "none"
    return "critical" if distance > limits.critical_distance else "warning"
