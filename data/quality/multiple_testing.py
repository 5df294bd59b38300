"""Correction of p-values for their number."""

import numpy as np


def holm_correction(p_values: list[float]) -> list[float]:
    """Adjust p-values for their number, in the given order.

    Source: Holm (1979), "A simple sequentially rejective multiple test procedure".
    """
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values)[order] * factors))
    result = np.empty(len(p_values))
    result[order] = adjusted
    return result.tolist()
