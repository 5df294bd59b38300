"""Where a variant looks over many faces: the mean map of each class, and whether maps show what was learnt."""

import math
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from reports.formatting import number
from reports.pictures import encode_png, enlarge

CHANGED_BELOW = 0.5
"""A rank correlation whose whole interval is below this counts as a map that changed."""


class MeanMap(BaseModel):
    """The mean map of one class."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_name: str
    faces: int
    picture: str


class Attention(BaseModel):
    """What is known of a variant's maps beyond single faces."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    maps: tuple[MeanMap, ...]
    sentence: str


def load_attention(directory: str, classes: tuple[str, ...]) -> Attention | None:
    """Read a variant's mean maps and its sanity check, or None where its explanations have none.

    Args:
        directory: holds explanations.npz; mean_heatmaps float32 (classes, 48, 48) in 0..1, averaged_faces int
            (classes,), shuffled_correlations float32 (m,) in -1..1.
        classes: class names in label order.
    """
    path = Path(directory) / "explanations.npz"
    if not directory or not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as stored:
        if "mean_heatmaps" not in stored:
            return None
        heatmaps, faces, correlations = (
            stored[key] for key in ("mean_heatmaps", "averaged_faces", "shuffled_correlations")
        )
    maps = tuple(
        MeanMap(class_name=name, faces=int(count), picture=encode_png(colour_heatmap(heatmap)))
        for name, heatmap, count in zip(classes, heatmaps, faces, strict=False)
        if count
    )
    return Attention(maps=maps, sentence=sanity_sentence(correlations))


def colour_heatmap(heatmap: NDArray) -> NDArray[np.uint8]:
    """Return a map (height, width) of 0..1 in colours, its strongest place the brightest: uint8 (96, 96, 3)."""
    heat = np.nan_to_num(heatmap, nan=0.0).astype(np.float32)
    peak = float(heat.max(initial=0))
    colours = matplotlib.colormaps["inferno"](enlarge(heat / peak if peak > 0 else heat))[..., :3]
    return np.round(255 * colours).astype(np.uint8)


def sanity_sentence(correlations: NDArray) -> str:
    """Return whether the maps change once the network's weights are shuffled.

    Args:
        correlations: rank correlation of each face's map with that of the shuffled network, (m,), -1..1.
    """
    if len(correlations) < 2:
        return "Too few maps could be compared with those of shuffled weights to say whether they show what was learnt."
    mean = float(correlations.mean(dtype=np.float64))
    half = 1.96 * float(correlations.std(ddof=1, dtype=np.float64)) / math.sqrt(len(correlations))
    figures = (
        f"rank correlation {number(mean, 2)}, 95% interval {number(mean - half, 2)} to {number(mean + half, 2)}, "
        f"{len(correlations):,} faces"
    )
    if mean + half < CHANGED_BELOW:
        return f"Sanity check passed: with shuffled weights its maps are others ({figures})."
    return (
        f"Sanity check failed: with shuffled weights its maps stay much as they are ({figures}), so they show the face "
        "more than what was learnt. Do not read them."
    )
