"""Judge a data set whole: its verdict as published, what is set aside, its parts, and the verdict on what is left."""

from dataclasses import dataclass

import pandas as pd

from data.clean import (
    CleaningPolicy,
    clean_manifest,
    count_quarantine,
    summarize_duplicates,
    summarize_near_duplicates,
)
from data.odd_images import find_odd_images
from data.partition import partition_manifest
from data.records import DataSummary, Finding, Verdict
from data.similarity import compare_splits
from data.source import DatasetSource
from expectations.counts import count_images
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
    before = Verdict(findings=(*before.findings, *_look_further(manifest, before, rules)))
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
        **(summarize_near_duplicates(manifest).model_dump() if "group" in manifest else {}),
        before=before,
        after=after,
        quarantine=count_quarantine(quarantine),
    )
    return Judgement(clean=clean, quarantine=quarantine, summary=summary)


def _look_further(manifest: pd.DataFrame, verdict: Verdict, rules: DataRules) -> tuple[Finding, ...]:
    """Return what statistics say of a data set that is whole: are its splits alike, and which images are odd."""
    if verdict.failed("critical"):
        return ()
    odd = find_odd_images(manifest)
    message = f"the {len(odd)} images least like the others, for a person to look at; none is set aside for it"
    note = Finding(
        rule="odd_images",
        severity="info",
        success=True,
        observed=len(odd),
        expected="no limit: this is information",
        message=message,
        examples=tuple(odd["path"].head(10)),
    )
    return (*_compare_splits(manifest, rules), note)


def _compare_splits(manifest: pd.DataFrame, rules: DataRules) -> tuple[Finding, ...]:
    """Return a finding a pair of splits; where the rule is tolerated, none is worse than a warning."""
    if "splits_alike" in rules.unchecked:
        return ()
    findings = compare_splits(manifest).findings()
    if "splits_alike" not in rules.tolerated:
        return findings
    return tuple(
        finding.model_copy(update={"severity": "warning"}) if finding.severity == "critical" else finding
        for finding in findings
    )
