"""The counts of a data set, and those that publications state, so that a partial or changed copy is noticed."""

from collections.abc import Mapping
from typing import Literal

import pandas as pd
from pydantic import Field

from data.base.labels import PARTS
from data.base.record import Record

Counts = dict[str, dict[str, int]]
"""split or part -> class -> images"""

ProfileName = Literal["recognise", "none", "notebook"]
"""Which published counts a data set is compared with."""

RECOGNITION_TOLERANCE, RECOGNITION_SHARE = 0.1, 0.75
"""A data set of which that share of the published counts is within that fraction is taken for a copy of the
publication, also where a folder or two lost most images. A generated or a foreign set meets few of a dozen counts."""


class ExpectedCounts(Record):
    """The images of each class in each split that a publication states."""

    name: str = Field(description="what the publication is called in findings")
    images: dict[str, dict[str, int]] = Field(description="split -> class -> images")
    tolerance: float = Field(
        default=0.0, ge=0, le=1, description="fraction of each count that may be missing or too many"
    )

    def find_deviations(self, counts: Mapping[str, Mapping[str, int]]) -> list[str]:
        """Return a phrase for each count that is further off than the tolerance, such as "train/sad has 9 of 10".

        Args:
            counts: split -> class -> images; what is not in it counts as 0.
        """
        return [
            f"{split}/{label} has {counts.get(split, {}).get(label, 0):,} of {expected:,}"
            for split, labels in self.images.items()
            for label, expected in labels.items()
            if abs(counts.get(split, {}).get(label, 0) - expected) > self.tolerance * expected
        ]

    def total_images(self) -> dict[str, int]:
        """Return the images of each split."""
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
    """Return the published counts that a data set is to be compared with, or None.

    Args:
        name: a profile, "none", or "recognise" to take the first of whose counts most are nearly met.
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
    """Return images by split or part, and class, in the order of `data.base.labels`, unknown names after it.

    Args:
        manifest: one row an image, see `data.manifest.table.COLUMN_TYPES`.
        column: "split" or "part".
        decodable_alone: leave out what cannot be decoded; a folder that holds nothing else counts 0.
    """
    images = manifest.groupby([column, "label"])["decodable"]
    counts = images.sum() if decodable_alone else images.size()
    names = sorted(
        manifest[column].unique(), key=lambda name: (name not in PARTS, PARTS.index(name) if name in PARTS else name)
    )
    return {name: {label: int(n) for label, n in counts[name].items()} for name in names}
