"""Report section on the data: pictures of each class and the class balance."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from reports.common.charts import CLASS_COLOURS, INK, as_svg, draw_figure
from reports.common.formatting import shorten
from reports.common.images import encode_png


def class_balance_figure(part: str, counts: Mapping[str, int], classes: Sequence[str]) -> str:
    """Draw how many images of each class a part has, as bars with their counts; return SVG."""
    with draw_figure(f"balance-{part}", 2.7, 1.55) as (figure, drawn):
        axes = figure.subplots()
        images = [counts.get(label, 0) for label in classes]
        colours = [CLASS_COLOURS[index % len(CLASS_COLOURS)] for index in range(len(classes))]
        bars = axes.barh(range(len(classes)), images, color=colours, height=0.62)
        axes.bar_label(bars, labels=[f"{count:,}" for count in images], padding=4, fontsize=9.5)
        axes.set_yticks(range(len(classes)), [shorten(name) for name in classes])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.25 * max([1, *images]))
        axes.xaxis.set_visible(False)
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
    label = ", ".join(f"{name} {count}" for name, count in zip(classes, images, strict=True))
    return as_svg(drawn, f"Images of each class in {part}: {label}")


class ContactSheet(BaseModel):
    """Train faces of one class, and below each its augmented view where there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_name: str
    faces: int
    augmented: bool
    picture: str


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
