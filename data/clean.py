"""Cleaning: which images a run sets aside, by a policy, and the counts of what is wrong with a data set."""

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from data.classes import CLASSES, IMAGE_SIZE, SPLITS
from data.manifest import require_columns
from data.records import QuarantineCount, Record

FAULTS = (
    "undecodable",
    "unknown_folder",
    "wrong_size",
    "not_gray",
    "blank",
    "label_conflict",
    "leaking_train",
    "leaking_validation",
    "repeated_train",
)
"""What can be wrong with one image, in the order in which an image's faults are listed."""

BLANK_STANDARD_DEVIATION = 1.0
"""Gray levels. A flat picture stored as JPEG stays below it, the dimmest real face is far above."""


class CleaningPolicy(BaseModel):
    """Which faulty images are set aside before training: one switch a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    undecodable: bool = Field(default=True, description="files that are no whole JPEG or PNG")
    unknown_folder: bool = Field(default=True, description="files outside <known split>/<known class>/")
    wrong_size: bool = Field(default=True, description="images of another size than 48x48")
    not_gray: bool = Field(default=True, description="images with colour, or with more than 8 bits a pixel")
    blank: bool = Field(default=True, description="images of one gray level")
    label_conflict: bool = Field(default=True, description="all images whose pixels stand under two or more classes")
    leaking_train: bool = Field(default=True, description="train images that also stand in validation or test")
    leaking_validation: bool = Field(default=True, description="validation images that also stand in test")
    repeated_train: bool = Field(default=False, description="train images equal to an earlier train image")
    blank_standard_deviation: float = Field(
        default=BLANK_STANDARD_DEVIATION,
        ge=0,
        le=128,
        description="an image is blank where its standard deviation, in gray levels, is at most this",
    )


class DuplicateSummary(Record):
    """How many images of a manifest are repeated, contradictory or empty."""

    duplicate_groups: int = Field(description="groups of images with equal pixels")
    duplicate_groups_across_splits: int
    leaking_train_images: int = Field(description="train images that also stand in validation or test")
    label_conflict_images: int = Field(description="images whose pixels stand under two or more labels")
    blank_images: int
    undecodable_images: int


def find_faults(manifest: pd.DataFrame, blank_standard_deviation: float = BLANK_STANDARD_DEVIATION) -> pd.DataFrame:
    """Tell for every image which faults it has.

    Args:
        manifest: one row an image, see `data.manifest.COLUMN_TYPES`.
        blank_standard_deviation: gray levels; at most this much makes an image blank.

    Returns:
        The manifest's index and one bool column for each of `FAULTS`.

    Raises:
        PipelineError: columns of a manifest are missing.
    """
    require_columns(manifest)
    split, decodable, pixels = manifest["split"], manifest["decodable"], manifest["pixel_sha256"]
    known = split.isin(SPLITS) & manifest["label"].isin(CLASSES)
    usable = decodable & known
    labels = manifest["label"].where(usable).groupby(pixels).transform("nunique")
    in_validation, in_test = (set(pixels[usable & (split == name)]) for name in ("validation", "test"))
    train = usable & (split == "train")
    faults = {
        "undecodable": ~decodable,
        "unknown_folder": ~known,
        "wrong_size": decodable & ((manifest["width"] != IMAGE_SIZE) | (manifest["height"] != IMAGE_SIZE)),
        "not_gray": decodable & ~manifest["gray"],
        "blank": decodable & (manifest["standard_deviation"] <= blank_standard_deviation),
        "label_conflict": usable & (labels > 1),
        "leaking_train": train & pixels.isin(in_validation | in_test),
        "leaking_validation": usable & (split == "validation") & pixels.isin(in_test),
        "repeated_train": train & pixels.where(train).duplicated(),
    }
    return pd.DataFrame(faults)[list(FAULTS)]


def clean_manifest(manifest: pd.DataFrame, policy: CleaningPolicy) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part a manifest into the images to use and those to set aside.

    Args:
        manifest: one row an image, see `data.manifest.COLUMN_TYPES`.
        policy: which faults set an image aside. All are judged on the manifest as it is given, so that the order of
            the rules does not matter.

    Returns:
        The kept rows in their order, and the quarantine: path, split, label, reason; an image with two faults has two
        rows, ordered as the manifest and then as `FAULTS`.
    """
    enabled = [fault for fault in FAULTS if getattr(policy, fault)]
    hits = find_faults(manifest, policy.blank_standard_deviation)[enabled]
    rows, columns = np.nonzero(hits.to_numpy())
    quarantine = manifest[["path", "split", "label"]].iloc[rows].assign(reason=[enabled[i] for i in columns])
    return manifest.loc[~hits.any(axis=1)].reset_index(drop=True), quarantine.astype("str").reset_index(drop=True)


def count_quarantine(quarantine: pd.DataFrame) -> tuple[QuarantineCount, ...]:
    """Count the images set aside for each reason, in the order of `FAULTS`, reasons without an image left out."""
    counts = quarantine["reason"].value_counts()
    return tuple(QuarantineCount(reason=fault, images=int(counts[fault])) for fault in FAULTS if fault in counts)


def summarize_duplicates(
    manifest: pd.DataFrame, blank_standard_deviation: float = BLANK_STANDARD_DEVIATION
) -> DuplicateSummary:
    """Count what is repeated, contradictory or empty in a manifest.

    Args:
        manifest: one row an image, see `data.manifest.COLUMN_TYPES`.
        blank_standard_deviation: gray levels; at most this much makes an image blank.

    Returns:
        The counts. Images are equal when their decoded gray pixels and size are.
    """
    faults = find_faults(manifest, blank_standard_deviation)
    groups = manifest[manifest["decodable"]].groupby("pixel_sha256")["split"].agg(["size", "nunique"])
    repeated = groups[groups["size"] > 1]
    return DuplicateSummary(
        duplicate_groups=len(repeated),
        duplicate_groups_across_splits=int((repeated["nunique"] > 1).sum()),
        leaking_train_images=int(faults["leaking_train"].sum()),
        label_conflict_images=int(faults["label_conflict"].sum()),
        blank_images=int(faults["blank"].sum()),
        undecodable_images=int(faults["undecodable"].sum()),
    )
