"""Summary of a data set, stored so that a later version can be compared with it (drift).

A profile is a JSON document, 250 KB for 20,000 images: counts, quantiles of each statistic, a digest of each image's
pixels. It has no paths, so that a renamed image does not count as new.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError

from data.base.errors import PipelineError
from data.base.record import Record
from data.manifest.table import FEATURES, require_columns
from data.records.dataset import Finding, Severity

QUANTILES = tuple(step / 20 for step in range(21))
DIGEST_DIGITS = 12
"""Hexadecimal digits of a digest, 48 bits: the chance that any two of 400,000 images share one is 1 in 3,500."""

COUNT_RULE = "few_images_"
"""Beginning of the names of the rules on counts; the kind of change follows."""

EXAMPLES = 10

PHRASES = {
    "added": "new images",
    "removed": "former images that are gone",
    "relabelled": "images under another class than before",
    "moved": "images in another split than before",
}
"""Kind of change -> name of its images in sentences."""


class DataProfile(Record):
    """Data set in figures. Empty fields are unknown: a profile may contain only counts."""

    counts: dict[str, dict[str, int]] = Field(description="split -> label -> images")
    quantiles: dict[str, dict[str, tuple[float, ...]]] = Field(
        default_factory=dict, description="split -> statistic -> its values at QUANTILES, of decodable images"
    )
    pixels: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="split -> label -> the first 12 hex digits of each decodable image's pixel hash, sorted and joined",
    )


class ChangeLimits(Record):
    """Limits of changes: above the first a change is a warning, above the second it counts as another data set."""

    warning_added: float = Field(default=0.05, ge=0, description="new images, as a share of the former ones")
    critical_added: float = Field(default=1.0, ge=0, description="new images, as a share of the former ones")
    warning_removed: float = Field(default=0.01, ge=0, le=1, description="share of the former images that is gone")
    critical_removed: float = Field(default=0.2, ge=0, le=1, description="share of the former images that is gone")
    warning_relabelled: float = Field(default=0.001, ge=0, le=1, description="share of the former images")
    critical_relabelled: float = Field(default=0.1, ge=0, le=1, description="share of the former images")
    warning_moved: float = Field(default=0.0, ge=0, le=1, description="share that lies in another split than before")
    critical_moved: float = Field(default=0.02, ge=0, le=1, description="share that lies in another split than before")
    warning_class_share: float = Field(default=0.02, ge=0, le=1, description="change of a class's share of a split")
    critical_class_share: float = Field(default=0.1, ge=0, le=1, description="change of a class's share of a split")
    warning_distance: float = Field(
        default=0.1, ge=0, le=1, description="Kolmogorov-Smirnov distance of a statistic from the former data set's"
    )
    critical_distance: float = Field(default=0.25, ge=0, le=1, description="the same")
    minimum_images: int = Field(default=100, ge=1, description="of a split on both sides to compare its statistics")


class ProfileChange(Record):
    """Changes from one data set to the next. A count is None if the earlier profile has no pixel digests."""

    rows_before: int
    rows_after: int
    added: int = Field(description="images with new pixels; if the former profile holds none, more than it counts")
    removed: int = Field(description="images whose pixels are gone; if it holds none, fewer than it counts")
    relabelled: int | None = Field(description="images under another class than before; None if it holds no pixels")
    moved: int | None = Field(description="images in another split than before, under their former class; likewise")
    findings: tuple[Finding, ...] = Field(description="one for each kind of change, passed or not")


def make_profile(manifest: pd.DataFrame) -> DataProfile:
    """Summarise a data set in figures.

    Args:
        manifest: one row an image, see `data.manifest.table.COLUMN_TYPES`.

    Returns:
        The profile; images that cannot be decoded are only counted.

    Raises:
        PipelineError: columns of a manifest are missing.
    """
    require_columns(manifest)
    counts: dict[str, dict[str, int]] = {}
    pixels: dict[str, dict[str, str]] = {}
    for (split, label), rows in manifest.groupby(["split", "label"]):
        counts.setdefault(str(split), {})[str(label)] = len(rows)
        digests = rows.loc[rows["decodable"], "pixel_sha256"].str[:DIGEST_DIGITS]
        pixels.setdefault(str(split), {})[str(label)] = "".join(sorted(digests))
    quantiles = {
        str(split): {name: tuple(np.quantile(rows[name], QUANTILES).tolist()) for name in FEATURES}
        for split, rows in manifest[manifest["decodable"]].groupby("split")
    }
    return DataProfile(counts=counts, quantiles=quantiles, pixels=pixels)


def write_profile(profile: DataProfile, path: Path) -> None:
    """Write a profile as JSON."""
    path.write_text(profile.model_dump_json(), encoding="utf-8")


def read_profile(path: Path) -> DataProfile:
    """Read a profile.

    Raises:
        PipelineError: the file is missing or is not a profile.
    """
    try:
        return DataProfile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise PipelineError(
            f"{path} is not a profile of a data set: {error}; remove it, so that it is built again"
        ) from error


def compare_profiles(old: DataProfile, new: DataProfile, limits: ChangeLimits | None = None) -> ProfileChange:
    """Find what changed from an earlier data set to a new one, and how severe each change is.

    Args:
        old: the last accepted data set, or a published statement of counts.
        new: the new data set.
        limits: which changes are a warning and which are critical; None takes the defaults.

    Returns:
        The counts, and one finding for each kind of change. A change below its warning limit passes.
    """
    limits = limits or ChangeLimits()
    changes = _count_changes(old, new) if old.pixels and new.pixels else _count_differences(old, new)
    before, after = _count_rows(old), _count_rows(new)
    findings = [_judge_count(kind, changed, before, limits) for kind, changed in changes.items()]
    findings.append(_judge_class_mix(old, new, limits))
    if old.quantiles and new.quantiles:
        findings.append(_judge_statistics(old, new, limits))
    return ProfileChange(
        rows_before=before,
        rows_after=after,
        added=changes["added"],
        removed=changes["removed"],
        relabelled=changes.get("relabelled"),
        moved=changes.get("moved"),
        findings=tuple(findings),
    )


def add_examples(change: ProfileChange, changed: pd.DataFrame) -> ProfileChange:
    """Add some paths of the images behind each count.

    Args:
        change: of `compare_profiles`.
        changed: of `find_changed_images`.
    """
    paths = {kind: tuple(rows["path"].head(EXAMPLES)) for kind, rows in changed.groupby("change")}
    findings = tuple(
        finding.model_copy(update={"examples": paths.get(finding.rule.removeprefix(COUNT_RULE), ())})
        for finding in change.findings
    )
    return change.model_copy(update={"findings": findings})


def soften(change: ProfileChange) -> ProfileChange:
    """Turn critical findings into warnings."""
    findings = tuple(
        finding.model_copy(update={"severity": "warning"}) if finding.severity == "critical" else finding
        for finding in change.findings
    )
    return change.model_copy(update={"findings": findings})


def find_changed_images(old: DataProfile, manifest: pd.DataFrame) -> pd.DataFrame:
    """Tell for each image of a data set whether and how it differs from the earlier data set.

    Args:
        old: the earlier data set, with pixel digests.
        manifest: one row an image of the new one, see `data.manifest.table.COLUMN_TYPES`.

    Returns:
        path, split, label and change: unchanged, added, relabelled or moved; undecodable images are left out.
    """
    places: dict[str, set[tuple[str, str]]] = {}
    for digest, split, label in _list_images(old):
        places.setdefault(digest, set()).add((split, label))
    decodable = manifest[manifest["decodable"]]
    digests = decodable["pixel_sha256"].str[:DIGEST_DIGITS]
    changes = [
        _name_change(places.get(digest, set()), split, label)
        for digest, split, label in zip(digests, decodable["split"], decodable["label"], strict=True)
    ]
    return decodable[["path", "split", "label"]].assign(change=changes).reset_index(drop=True)


def _name_change(places: set[tuple[str, str]], split: str, label: str) -> str:
    if not places:
        return "added"
    if (split, label) in places:
        return "unchanged"
    return "moved" if label in {former for _, former in places} else "relabelled"


def _list_images(profile: DataProfile) -> list[tuple[str, str, str]]:
    """Return digest, split and label of each image whose pixels are known."""
    return [
        (joined[start : start + DIGEST_DIGITS], split, label)
        for split, labels in profile.pixels.items()
        for label, joined in labels.items()
        for start in range(0, len(joined), DIGEST_DIGITS)
    ]


def _count_rows(profile: DataProfile) -> int:
    return sum(sum(labels.values()) for labels in profile.counts.values())


def _count_changes(old: DataProfile, new: DataProfile) -> dict[str, int]:
    """Match images in three steps: by split, label and digest; by label and digest; by digest. Copies count."""
    before, after = _list_images(old), _list_images(new)
    in_place = (Counter(before) & Counter(after)).total()
    under_label = (Counter((d, label) for d, _, label in before) & Counter((d, label) for d, _, label in after)).total()
    in_all = (Counter(digest for digest, _, _ in before) & Counter(digest for digest, _, _ in after)).total()
    return {
        "added": len(after) - in_all,
        "removed": len(before) - in_all,
        "relabelled": in_all - under_label,
        "moved": under_label - in_place,
    }


def _count_differences(old: DataProfile, new: DataProfile) -> dict[str, int]:
    """Return by how many images classes have grown and shrunk, for profiles without pixel digests."""
    before, after = (
        Counter({(split, label): n for split, labels in profile.counts.items() for label, n in labels.items()})
        for profile in (old, new)
    )
    return {"added": (after - before).total(), "removed": (before - after).total()}


def _judge_count(kind: str, changed: int, before: int, limits: ChangeLimits) -> Finding:
    warning, critical = getattr(limits, f"warning_{kind}"), getattr(limits, f"critical_{kind}")
    share = changed / max(1, before)
    severity, success = _grade(share, warning, critical)
    return Finding(
        rule=COUNT_RULE + kind,
        severity=severity,
        success=success,
        observed=changed,
        expected=f"at most {warning:.1%} of the former {before:,} images, and in no case more than {critical:.1%}",
        message=f"{changed:,} {PHRASES[kind]} ({share:.1%} of the former {before:,})",
    )


def _judge_class_mix(old: DataProfile, new: DataProfile, limits: ChangeLimits) -> Finding:
    """Judge the largest change of a class's share of a split; a new or missing split is a change of counts."""
    shifts = [
        (abs(_share(new, split, label) - _share(old, split, label)), split, label)
        for split in old.counts.keys() & new.counts.keys()
        for label in old.counts[split].keys() | new.counts[split].keys()
    ]
    largest, split, label = max(shifts, default=(0.0, "", ""))
    severity, success = _grade(largest, limits.warning_class_share, limits.critical_class_share)
    shares = f"{_share(old, split, label):.1%} to {_share(new, split, label):.1%}" if largest else ""
    return Finding(
        rule="class_mix_unchanged",
        severity=severity,
        success=success,
        observed=round(largest, 4),
        expected=f"no class's share of a split changed by more than {100 * limits.warning_class_share:g} points",
        message=f"the largest change is that of {label} in {split}, from {shares}" if largest else "no share changed",
    )


def _share(profile: DataProfile, split: str, label: str) -> float:
    labels = profile.counts.get(split, {})
    return labels.get(label, 0) / max(1, sum(labels.values()))


def _judge_statistics(old: DataProfile, new: DataProfile, limits: ChangeLimits) -> Finding:
    """Judge the statistic whose distribution over a split has moved furthest."""
    distances = [
        (_measure_distance(old.quantiles[split][name], new.quantiles[split][name]), split, name)
        for split in old.quantiles.keys() & new.quantiles.keys()
        if min(sum(profile.counts[split].values()) for profile in (old, new)) >= limits.minimum_images
        for name in FEATURES
        if name in old.quantiles[split]
    ]
    largest, split, name = max(distances, default=(0.0, "", ""))
    severity, success = _grade(largest, limits.warning_distance, limits.critical_distance)
    message = "no statistic changed"
    if largest:
        medians = [f"{profile.quantiles[split][name][len(QUANTILES) // 2]:,.4g}" for profile in (old, new)]
        shift = f"{name.replace('_', ' ')} in {split}, its median from {medians[0]} to {medians[1]}"
        message = f"the largest shift is that of {shift} (distance {largest:.2f})"
    return Finding(
        rule="statistics_unchanged",
        severity=severity,
        success=success,
        observed=round(largest, 4),
        expected=f"no statistic's distribution further than {limits.warning_distance:g} from the former one",
        message=message,
    )


def _measure_distance(old: tuple[float, ...], new: tuple[float, ...]) -> float:
    """Return the Kolmogorov-Smirnov distance between two distributions given by their quantiles."""
    places = np.union1d(old, new)
    shares = [np.interp(places, quantiles, QUANTILES, left=0, right=1) for quantiles in (old, new)]
    return float(np.abs(shares[0] - shares[1]).max())


def _grade(value: float, warning: float, critical: float) -> tuple[Severity, bool]:
    """Return severity and success of a change: one that passes is information."""
    if value > critical:
        return "critical", False
    return ("warning", False) if value > warning else ("info", True)
