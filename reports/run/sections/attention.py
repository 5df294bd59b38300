"""Report section on attention: Grad-CAM overlays of single faces, mean maps of each class, and a sanity check."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base.record import Record
from data.records.run import RunResults
from reports.common.formatting import join_names, number
from reports.common.images import encode_png, enlarge
from reports.run.sources import ReportSources
from reports.run.summary import scored_variants

ANCHOR, TITLE = "attention", "Attention"

OVERLAY_STRENGTH = 0.6
CHANGED_BELOW = 0.5
"""A rank correlation whose whole interval is below this counts as a map that changed."""


class Explanation(Record):
    """One face with the Grad-CAM overlay and the prediction of a variant."""

    image_id: str
    face: str
    overlay: str
    true_class: str
    predicted_class: str
    probability: float


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    scored = scored_variants(results)
    explanations = {variant.name: load_explanations(variant.directory, results.classes) for variant in scored}
    unexplained = [name for name, examples in explanations.items() if not examples]
    return {
        "explanations": {name: examples for name, examples in explanations.items() if examples},
        "unexplained": join_names(unexplained),
        "attention": {variant.name: load_attention(variant.directory, results.classes) for variant in scored},
    }


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write nothing: the section is pictures."""
    return []


def load_explanations(directory: str, classes: tuple[str, ...]) -> list[Explanation]:
    """Read a variant's Grad-CAM pictures.

    Args:
        directory: holds explanations.npz; images uint8 (n, height, width) or (..., 3), heatmaps float32
            (n, height, width) in 0..1, labels int (n,), probabilities float32 (n, classes), image_ids str (n,).
        classes: class names in label order.

    Returns:
        One explanation for each image; none if there is no such file.
    """
    path = Path(directory) / "explanations.npz"
    if not directory or not path.is_file():
        return []
    with np.load(path, allow_pickle=False) as stored:
        arrays = [stored[key] for key in ("images", "heatmaps", "labels", "probabilities", "image_ids")]
    return [_explain(example, classes) for example in zip(*arrays, strict=True)]


def _explain(example: tuple[Any, ...], classes: tuple[str, ...]) -> Explanation:
    image, heatmap, label, probabilities, image_id = example
    known = bool(np.isfinite(probabilities).all())
    predicted = int(np.argmax(probabilities)) if known else -1
    return Explanation(
        image_id=str(image_id),
        face=encode_png(image),
        overlay=encode_png(overlay_heatmap(image, heatmap)),
        true_class=classes[int(label)],
        predicted_class=classes[predicted] if known else "nothing (undefined)",
        probability=float(probabilities[predicted]) if known else float("nan"),
    )


def overlay_heatmap(image: NDArray, heatmap: NDArray) -> NDArray:
    """Lay a heat map over a face.

    Args:
        image: uint8 (height, width) of gray or (height, width, 3) of RGB, 0..255.
        heatmap: float (height, width), 0..1; NaN counts as 0.

    Returns:
        uint8 (96, 96, 3), RGB: the face at places of low heat, coloured at places of high heat.
    """
    import matplotlib

    heat = np.clip(np.nan_to_num(heatmap, nan=0.0), 0, 1)
    face = np.stack([enlarge(plane) for plane in np.atleast_3d(image).transpose(2, 0, 1) / 255], axis=-1)
    heat = enlarge(heat.astype(np.float32))
    colours = matplotlib.colormaps["inferno"](heat)[..., :3]
    weight = (OVERLAY_STRENGTH * heat)[..., None]
    mixed = (1 - weight) * face + weight * colours
    return np.round(255 * np.clip(mixed, 0, 1)).astype(np.uint8)


class MeanMap(Record):
    """The mean map of one class."""

    class_name: str
    faces: int
    picture: str


class Attention(Record):
    """Mean maps of a variant, and the sentence on its sanity check."""

    maps: tuple[MeanMap, ...]
    sentence: str


def load_attention(directory: str, classes: tuple[str, ...]) -> Attention | None:
    """Read a variant's mean maps and its sanity check, or None if its explanations have none.

    Args:
        directory: holds explanations.npz; mean_heatmaps float32 (classes, height, width) in 0..1, averaged_faces int
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
    """Colour a map (height, width) of 0..1, its highest value the brightest: uint8 (96, 96, 3)."""
    import matplotlib

    heat = np.nan_to_num(heatmap, nan=0.0).astype(np.float32)
    peak = float(heat.max(initial=0))
    colours = matplotlib.colormaps["inferno"](enlarge(heat / peak if peak > 0 else heat))[..., :3]
    return np.round(255 * colours).astype(np.uint8)


def sanity_sentence(correlations: NDArray) -> str:
    """Tell whether the maps change when the network's weights are shuffled.

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
