"""Cleaning of a manifest: faults of each image, the images that a policy sets aside, and counts of duplicates."""

from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field, create_model

from data.base.data_format import SEED_FORMAT, DataFormat
from data.base.errors import PipelineError
from data.base.parts import SPLITS
from data.base.record import Record
from data.manifest.face_columns import FACE_SIDE, FACES, SMALLEST_FACE_SIDE
from data.manifest.table import require_columns
from data.quality.faults import FAULTS
from data.quality.rules import RULES, choose_switches
from data.records.dataset import QuarantineCount
from data.votes.column import is_no_face, stack_votes

QUARANTINE_COLUMNS = ("path", "split", "label", "reason")

BLANK_STANDARD_DEVIATION = 1.0
"""Gray levels. A flat picture stored as JPEG is below it, the darkest real face is far above."""


_DEFAULTS = choose_switches({rule.name: rule.default for rule in RULES.values()})
_SWITCHES: dict[str, Any] = {
    fault: (bool, Field(default=_DEFAULTS[fault], description=images)) for fault, images in FAULTS.items()
}
_FaultSwitches = create_model("_FaultSwitches", __base__=Record, **_SWITCHES)


class CleaningPolicy(_FaultSwitches):
    """Which faulty images are set aside before training: one switch for each of `data.quality.faults.FAULTS`."""

    blank_standard_deviation: float = Field(
        default=BLANK_STANDARD_DEVIATION,
        ge=0,
        le=128,
        description="an image is blank if its standard deviation, in gray levels, is at most this",
    )


class NearDuplicateSummary(Record):
    """Counts of pictures that a manifest contains more than once, with different pixels."""

    near_duplicate_groups: int = Field(description="groups of images that show one picture with different pixels")
    near_duplicate_groups_across_splits: int
    near_duplicate_images: int = Field(description="images in those groups")
    near_leaking_train_images: int = Field(description="train images whose picture is also in validation or test")
    near_leaking_validation_images: int = Field(description="validation images whose picture is also in test")
    near_label_conflict_images: int = Field(description="images whose picture has two or more labels")


class DuplicateSummary(Record):
    """Counts of repeated, contradictory and empty images of a manifest."""

    duplicate_groups: int = Field(description="groups of images with equal pixels")
    duplicate_groups_across_splits: int
    leaking_train_images: int = Field(description="train images that are also in validation or test")
    label_conflict_images: int = Field(description="images whose pixels have two or more labels")
    blank_images: int
    undecodable_images: int


def find_faults(
    manifest: pd.DataFrame,
    data_format: DataFormat = SEED_FORMAT,
    blank_standard_deviation: float = BLANK_STANDARD_DEVIATION,
) -> pd.DataFrame:
    """Tell for every image which faults it has.

    Args:
        manifest: one row for each image, see `data.manifest.table.COLUMN_TYPES`; with the column `group` of
            `data.manifest.near_duplicates.find_near_duplicates`, near-duplicates are faults too; with the column
            `data.votes.column.VOTES`, images of which most people saw no face are.
        data_format: which labels, size and colour are no fault.
        blank_standard_deviation: gray levels; at most this much makes an image blank.

    Returns:
        The manifest's index and one bool column for each of `FAULTS`.

    Raises:
        PipelineError: columns of a manifest are missing.
    """
    require_columns(manifest)
    split, decodable, pixels = manifest["split"], manifest["decodable"], manifest["pixel_sha256"]
    known = split.isin(SPLITS) & manifest["label"].isin(data_format.labels)
    faces, face_side = _read_faces(manifest)
    usable = decodable & known & (faces == 1)
    repeated = usable & manifest[["split", "label", "pixel_sha256"]].where(usable).duplicated()
    blank = decodable & (faces == 1) & (manifest["standard_deviation"] <= blank_standard_deviation)
    faults = {
        "undecodable": ~decodable,
        "unknown_folder": ~known,
        "wrong_size": decodable & ~(is_sized(manifest, data_format) | data_format.resize),
        "not_gray": decodable & ~manifest["gray"] & (data_format.channels == 1 and not data_format.recolor),
        "no_face": decodable & (faces == 0),
        "several_faces": decodable & (faces > 1),
        "small_face": decodable & (faces == 1) & (face_side < SMALLEST_FACE_SIDE),
        "blank": blank,
        "no_face_by_votes": decodable & (faces == 1) & ~blank & _saw_no_face(manifest, data_format),
        "repeated_train": usable & (split == "train") & pixels.where(usable & (split == "train")).duplicated(),
        "repeated_held_out": repeated & (split != "train"),
    }
    exact = _find_shared(manifest, usable, pixels)
    near = _find_shared(manifest, usable, manifest.get("group", pixels))
    # An image with an equal copy has the exact fault and is not counted twice.
    faults |= exact | {f"near_{fault}": hits & ~exact[fault] for fault, hits in near.items()}
    return pd.DataFrame(faults)[list(FAULTS)]


def _read_faces(manifest: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return the number of faces and the side of the largest; images that were no photos are one whole face each."""
    one = pd.Series(1, index=manifest.index)
    return manifest.get(FACES, one), manifest.get(FACE_SIDE, one * SMALLEST_FACE_SIDE)


def _saw_no_face(manifest: pd.DataFrame, data_format: DataFormat) -> pd.Series:
    """Tell for which images most people saw no face; False without votes."""
    return pd.Series(is_no_face(stack_votes(manifest, len(data_format.labels))), index=manifest.index)


def is_sized(manifest: pd.DataFrame, data_format: DataFormat) -> pd.Series:
    """Tell for every image whether it has the height and width of the format as it is."""
    return (manifest["width"] == data_format.width) & (manifest["height"] == data_format.height)


def _find_shared(manifest: pd.DataFrame, usable: pd.Series, groups: pd.Series) -> dict[str, pd.Series]:
    """Tell which usable images share their group with another label, or with a split that must not contain it."""
    split = manifest["split"]
    labels = manifest["label"].where(usable).groupby(groups).transform("nunique")
    in_validation, in_test = (set(groups[usable & (split == name)]) for name in ("validation", "test"))
    return {
        "label_conflict": usable & (labels > 1),
        "leaking_train": usable & (split == "train") & groups.isin(in_validation | in_test),
        "leaking_validation": usable & (split == "validation") & groups.isin(in_test),
    }


def clean_manifest(
    manifest: pd.DataFrame, policy: CleaningPolicy, data_format: DataFormat = SEED_FORMAT
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a manifest into the images to use and the images to set aside.

    Args:
        manifest: one row for each image, see `data.manifest.table.COLUMN_TYPES`.
        policy: which faults set an image aside. All are found in the given manifest, so the order of the rules does not
            matter.
        data_format: which labels, size and colour are no fault.

    Returns:
        The kept rows in their order, and the quarantine: path, split, label, reason; an image with two faults has two
        rows, ordered as the manifest and then as `FAULTS`.
    """
    enabled = [fault for fault in FAULTS if getattr(policy, fault)]
    hits = find_faults(manifest, data_format, policy.blank_standard_deviation)[enabled]
    rows, columns = np.nonzero(hits.to_numpy())
    quarantine = manifest[["path", "split", "label"]].iloc[rows].assign(reason=[enabled[i] for i in columns])
    return manifest.loc[~hits.any(axis=1)].reset_index(drop=True), quarantine.astype("str").reset_index(drop=True)


def count_quarantine(quarantine: pd.DataFrame) -> tuple[QuarantineCount, ...]:
    """Count the images set aside for each reason: reasons that are not a fault first, then the order of `FAULTS`."""
    counts = quarantine["reason"].value_counts()
    reasons = [*sorted(set(counts.index) - set(FAULTS)), *(fault for fault in FAULTS if fault in counts)]
    return tuple(QuarantineCount(reason=reason, images=int(counts[reason])) for reason in reasons)


def summarize_duplicates(
    manifest: pd.DataFrame,
    data_format: DataFormat = SEED_FORMAT,
    blank_standard_deviation: float = BLANK_STANDARD_DEVIATION,
) -> DuplicateSummary:
    """Count the repeated, contradictory and empty images of a manifest.

    Args:
        manifest: one row for each image, see `data.manifest.table.COLUMN_TYPES`.
        data_format: labels of the data set.
        blank_standard_deviation: gray levels; at most this much makes an image blank.

    Returns:
        The counts. Images are equal if their decoded gray pixels and their size are equal.
    """
    faults = find_faults(manifest, data_format, blank_standard_deviation)
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


def summarize_near_duplicates(manifest: pd.DataFrame, data_format: DataFormat = SEED_FORMAT) -> NearDuplicateSummary:
    """Count the pictures that a manifest contains more than once with different pixels.

    Args:
        manifest: one row for each image, with the column `group` of
            `data.manifest.near_duplicates.find_near_duplicates`.
        data_format: labels of the data set.

    Returns:
        The counts; copies with equal pixels are not near-duplicates.

    Raises:
        PipelineError: the column `group` is missing.
    """
    if "group" not in manifest:
        raise PipelineError("the manifest has no column group; add what find_near_duplicates returns")
    faults = find_faults(manifest, data_format)
    groups = manifest.groupby("group").agg(
        images=("path", "size"), pictures=("pixel_sha256", "nunique"), splits=("split", "nunique")
    )
    near = groups[groups["pictures"] > 1]
    return NearDuplicateSummary(
        near_duplicate_groups=len(near),
        near_duplicate_groups_across_splits=int((near["splits"] > 1).sum()),
        near_duplicate_images=int(near["images"].sum()),
        near_leaking_train_images=int(faults["near_leaking_train"].sum()),
        near_leaking_validation_images=int(faults["near_leaking_validation"].sum()),
        near_label_conflict_images=int(faults["near_label_conflict"].sum()),
    )
