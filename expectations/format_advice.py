"""Advice for a data set whose images mostly have another format than the run was told: the options to add."""

from collections.abc import Iterator

import pandas as pd

from data.base.data_format import LARGEST_SIDE, MOST_LABELS, SMALLEST_SIDE, DataFormat
from data.base.parts import SPLITS
from data.quality.cleaning import is_sized
from data.records.dataset import Finding

MOST = 0.5
"""Share of the images from which on a deviation is that of the data set, and not of single images."""


def advise_on_format(
    findings: tuple[Finding, ...], manifest: pd.DataFrame, data_format: DataFormat
) -> Iterator[Finding]:
    """Yield the findings; those of a rule that most images break are critical and name the options to add.

    Args:
        findings: of a data set as published.
        manifest: one row for each image, see `data.manifest.table.COLUMN_TYPES`.
        data_format: that the images were compared with.
    """
    advice = {
        "known_labels": _advise_labels(manifest, data_format),
        "image_size": _advise_size(manifest, data_format),
        "really_gray": _advise_colour(manifest, data_format),
    }
    for finding in findings:
        if finding.success or not advice.get(finding.rule):
            yield finding
        else:
            message = f"{finding.message}: {advice[finding.rule]}"
            yield finding.model_copy(update={"severity": "critical", "message": message})


def _advise_labels(manifest: pd.DataFrame, data_format: DataFormat) -> str:
    in_splits = manifest[manifest["split"].isin(SPLITS)]
    if in_splits.empty or in_splits["label"].isin(data_format.labels).mean() >= MOST:
        return ""
    names = in_splits["label"].nunique()
    found = "--labels auto" if names <= MOST_LABELS else f"--labels with at most {MOST_LABELS} names"
    return f"this is most of the data set; for its own classes add {found}, or --format with the name of its format"


def _advise_size(manifest: pd.DataFrame, data_format: DataFormat) -> str:
    images = manifest[manifest["decodable"]]
    if images.empty or is_sized(images, data_format).mean() >= MOST:
        return ""
    width, height = images[["width", "height"]].value_counts().index[0]
    side = min(max(round((width * height) ** 0.5), SMALLEST_SIDE), LARGEST_SIDE)
    return (
        f"this is most of the data set; add --image-size {side} to take all images at {side}x{side}, or --image-size "
        f"{data_format.height} to resize them to {data_format.size}"
    )


def _advise_colour(manifest: pd.DataFrame, data_format: DataFormat) -> str:
    images = manifest[manifest["decodable"]]
    if images.empty or images["gray"].mean() >= MOST:
        return ""
    return "this is most of the data set; add --color rgb to keep the colour, or --color gray to make them gray"
