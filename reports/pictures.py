"""The pictures of a report as data URIs: sample faces, their augmented views, and Grad-CAM overlays."""

import base64
import io
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict

OVERLAY_SIZE = 96
"""Side of an overlay in pixels: twice a face's, so that the coarse map is smooth and the file stays small."""

OVERLAY_STRENGTH = 0.6


class Explanation(BaseModel):
    """One face, where a variant looked, and what it said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_id: str
    face: str
    overlay: str
    true_class: str
    predicted_class: str
    probability: float


class ContactSheet(BaseModel):
    """Train faces of one class, and below each its augmented view where there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_name: str
    faces: int
    augmented: bool
    picture: str


def load_explanations(directory: str, classes: tuple[str, ...]) -> list[Explanation]:
    """Read a variant's Grad-CAM pictures.

    Args:
        directory: holds explanations.npz; images uint8 (n, 48, 48), heatmaps float32 (n, 48, 48) in 0..1,
            labels int (n,), probabilities float32 (n, classes), image_ids str (n,).
        classes: class names in label order.

    Returns:
        One explanation an image; none where there is no such file.
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
        image: uint8 (height, width), 0..255.
        heatmap: float (height, width), 0..1; NaN counts as 0.

    Returns:
        uint8 (96, 96, 3), RGB: the face where the map is cold, coloured where it is hot.
    """
    heat = np.clip(np.nan_to_num(heatmap, nan=0.0), 0, 1)
    face = enlarge(image.astype(np.float32) / 255)
    heat = enlarge(heat.astype(np.float32))
    colours = matplotlib.colormaps["inferno"](heat)[..., :3]
    weight = (OVERLAY_STRENGTH * heat)[..., None]
    mixed = (1 - weight) * face[..., None] + weight * colours
    return np.round(255 * np.clip(mixed, 0, 1)).astype(np.uint8)


def enlarge(plane: NDArray) -> NDArray:
    """Return a float plane of any size as float32 (96, 96), interpolated."""
    picture = Image.fromarray(plane.astype(np.float32))
    return np.asarray(picture.resize((OVERLAY_SIZE, OVERLAY_SIZE), Image.Resampling.BILINEAR))


def load_contact_sheets(pictures: Path | None, classes: tuple[str, ...]) -> list[ContactSheet]:
    """Read the sample faces of each class, each above its augmented view.

    Args:
        pictures: an .npz with samples and, where views were made, augmented: uint8 (classes, k, 48, 48).
        classes: class names in label order.

    Returns:
        One sheet a class; none where there is no such file.
    """
    if pictures is None or not pictures.is_file():
        return []
    with np.load(pictures, allow_pickle=False) as stored:
        rows = [stored[key] for key in ("samples", "augmented") if key in stored]
    if not rows:
        return []
    return [
        ContactSheet(
            class_name=name,
            faces=rows[0].shape[1],
            augmented=len(rows) > 1,
            picture=encode_png(np.concatenate([np.concatenate(row[label], axis=1) for row in rows])),
        )
        for label, name in enumerate(classes[: rows[0].shape[0]])
    ]


def encode_png(pixels: NDArray) -> str:
    """Return uint8 pixels as a PNG data URI: (height, width) gray, with 2 channels gray and opacity, with 3 RGB."""
    return encode_image(Image.fromarray(np.ascontiguousarray(pixels)))


def encode_image(image: Image.Image) -> str:
    """Return a picture as a PNG data URI."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
