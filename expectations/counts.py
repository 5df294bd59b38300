"""Counts of a data set, and the counts that publications state, to notice an incomplete or changed copy."""

from collections.abc import Mapping
from typing import Literal

import pandas as pd
from pydantic import Field

from data.base.parts import PARTS
from data.base.record import Record

Counts = dict[str, dict[str, int]]
"""split or part -> class -> images"""

ProfileName = Literal["recognise", "none", "notebook"]
"""Choice of the published counts with which a data set is compared."""

RECOGNITION_TOLERANCE, RECOGNITION_SHARE = 0.1, 0.75
"""A data set is taken for a copy of the publication if this share of the published counts is met within this
fraction; one or two folders may have lost most images. A generated or another data set meets few of a dozen counts."""


class ExpectedCounts(Record):
    """Number of images of each class in each split, as stated by a publication."""

    name: str = Field(description="what the publication is called in findings")
    images: dict[str, dict[str, int]] = Field(description="split -> class -> images")
    tolerance: float = Field(
        default=0.0, ge=0, le=1, description="fraction of each count that may be missing or too many"
    )

    def find_deviations(self, counts: Mapping[str, Mapping[str, int]]) -> list[str]:
        """Name each count that deviates by more than the tolerance, such as "train/sad has 9 of 10".

        Args:
            counts: split -> class -> images; a missing entry counts as 0.
        """
        return [
            f"{split}/{label} has {counts.get(split, {}).get(label, 0):,} of {expected:,}"
            for split, labels in self.images.items()
            for label, expected in labels.items()
            if abs(counts.get(split, {}).get(label, 0) - expected) > self.tolerance * expected
        ]

    def total_images(self) -> dict[str, int]:
        """Sum the images of each split."""
        return {split: sum(labels.values()) for split, labels in self.images.items()}


NOTEBOOK_COUNTS = ExpectedCounts(
    name="the notebook's data set",
    images={
        "train": {"happy": 3_976, "neutral": 3_978, "sad": 3_982, "surprise": 3_173},
        "validation": {"happy": 1_825, "neutral": 1_216, "sad": 1_139, "surprise": 797},
        "test": {"happy": 32, "neutral": 32, "sad": 32, "surprise": 32},
    },
)
"""15,109, 4,977 and 128 images.

Source: the directory listing in the notebook that this pipeline replaces.
"""

PROFILES: dict[str, ExpectedCounts] = {"notebook": NOTEBOOK_COUNTS}


def choose_profile(name: ProfileName, counts: Mapping[str, Mapping[str, int]]) -> ExpectedCounts | None:
    """Choose the published counts that a data set is compared with, or None.

    Args:
        name: a profile, "none", or "recognise" for the first profile that the data set nearly meets.
        counts: split -> class -> images of the data set.
    """
    if name != "recognise":
        return PROFILES.get(name)
    for profile in PROFILES.values():
        stated = sum(map(len, profile.images.values()))
        missed = profile.model_copy(update={"tolerance": RECOGNITION_TOLERANCE}).find_deviations(counts)
        if stated - len(missed) >= RECOGNITION_SHARE * stated:
            return profile
    return None


def count_images(manifest: pd.DataFrame, column: str, decodable_alone: bool = False) -> Counts:
    """Count images by split or part, and by class, in the order of `data.base.parts`; unknown names come last.

    Args:
        manifest: one row for each image, see `data.manifest.table.COLUMN_TYPES`.
        column: "split" or "part".
        decodable_alone: leave out images that cannot be decoded; a folder of only such images counts 0.
    """
    images = manifest.groupby([column, "label"])["decodable"]
    counts = images.sum() if decodable_alone else images.size()
    names = sorted(
        manifest[column].unique(), key=lambda name: (name not in PARTS, PARTS.index(name) if name in PARTS else name)
    )
    return {name: {label: int(n) for label, n in counts[name].items()} for name in names}
