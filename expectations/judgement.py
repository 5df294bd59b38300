"""Judge a data set whole: its verdict as published, what is set aside, its parts, and the verdict on what is left."""

from dataclasses import dataclass

import pandas as pd

from data.classes import PARTS
from data.clean import CleaningPolicy, clean_manifest, count_quarantine, summarize_duplicates
from data.partition import partition_manifest
from data.records import DataSummary, Verdict
from data.source import DatasetSource
from expectations.rules import DataRules, cleaned_rules, published_rules
from expectations.validation import validate_manifest


@dataclass(frozen=True)
class Judgement:
    """The outcome of judging one data set.

    `clean` has one row a usable image and the column `part`; it is empty where nothing can be trained on.
    """

    clean: pd.DataFrame
    quarantine: pd.DataFrame
    summary: DataSummary


def judge_data_set(
    manifest: pd.DataFrame, source: DatasetSource, policy: CleaningPolicy, seed: int, rules: DataRules = DataRules()
) -> Judgement:
    """Validate, clean, partition and validate again.

    Args:
        manifest: one row an image, see `data.manifest.COLUMN_TYPES`.
        source: where the images are from.
        policy: which faults set an image aside.
        seed: of the selection part.
        rules: what the data set has to satisfy.
    """
    before = validate_manifest(manifest, published_rules(rules, policy))
    kept, quarantine = clean_manifest(manifest, policy)
    after = validate_manifest(kept, cleaned_rules(rules, policy)) if len(kept) else Verdict(findings=())
    trainable = not (before.failed("critical") or after.failed("critical")) and len(kept) > 0
    clean = partition_manifest(kept, seed) if trainable else kept.head(0).assign(part="")
    summary = DataSummary(
        source=source.location or source.kind,
        synthetic=source.kind == "sample",
        counts_published=count_images(manifest, "split"),
        counts_used=count_images(clean, "part"),
        **summarize_duplicates(manifest, policy.blank_standard_deviation).model_dump(),
        before=before,
        after=after,
        quarantine=count_quarantine(quarantine),
    )
    return Judgement(clean=clean, quarantine=quarantine, summary=summary)


def count_images(manifest: pd.DataFrame, column: str) -> dict[str, dict[str, int]]:
    """Return images by split or part, and class, in the order of `data.classes`, unknown names after it."""
    counts = manifest.groupby([column, "label"]).size()
    names = sorted(
        manifest[column].unique(), key=lambda name: (name not in PARTS, PARTS.index(name) if name in PARTS else name)
    )
    return {name: {label: int(n) for label, n in counts[name].items()} for name in names}
