"""Judgement of a data set: verdict as published, quarantine, parts, and the verdict on the cleaned data."""

import logging
from dataclasses import dataclass

import pandas as pd

from data.base.data_format import DataFormat
from data.base.parts import SPLITS
from data.quality.cleaning import (
    CleaningPolicy,
    clean_manifest,
    count_quarantine,
    is_sized,
    summarize_duplicates,
    summarize_near_duplicates,
)
from data.quality.odd_images import find_odd_images
from data.quality.partition import partition_manifest
from data.quality.rules import RULES
from data.quality.split_similarity import SplitComparison, compare_splits
from data.records.dataset import NOT_CHECKED, DataSummary, Finding, Verdict
from data.sources.source import DatasetSource
from expectations.counts import Counts, count_images
from expectations.format_advice import advise_on_format
from expectations.rules import DataRules, cleaned_rules, published_rules
from expectations.run_suite import validate_manifest
from expectations.wording import EXAMPLES

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judgement:
    """The outcome of judging one data set.

    `clean` has one row for each usable image and the column `part`; it is empty if nothing can be trained on.
    `comparison` has no pair if splits were not compared.
    """

    clean: pd.DataFrame
    quarantine: pd.DataFrame
    summary: DataSummary
    comparison: SplitComparison


def judge_data_set(
    manifest: pd.DataFrame,
    source: DatasetSource,
    policy: CleaningPolicy,
    seed: int,
    rules: DataRules = DataRules(),
    published_counts: Counts | None = None,
) -> Judgement:
    """Validate a data set, clean it, partition it, and validate what is left.

    Args:
        manifest: one row for each image, see `data.manifest.table.COLUMN_TYPES`.
        source: where the images come from.
        policy: which faults set an image aside.
        seed: draws the selection part.
        rules: what the data set has to satisfy.
        published_counts: split -> class -> files before a person corrected labels; None if nobody did.
    """
    rules = rules.model_copy(update={"splits": _required_splits(manifest)})
    before = validate_manifest(manifest, published_rules(rules, policy), published_counts)
    kept, quarantine = clean_manifest(manifest, policy, rules.data_format)
    comparison, alike = _compare_splits(kept, rules)
    findings = advise_on_format(before.findings, manifest, rules.data_format)
    before = Verdict(
        findings=(*findings, *alike, *_count_conversions(manifest, rules.data_format), *_find_odd_images(manifest))
    )
    after = validate_manifest(kept, cleaned_rules(rules, policy)) if len(kept) else Verdict(findings=())
    critical = before.failed("critical") or after.failed("critical")
    trainable = not critical and bool((kept["split"] == "train").any())
    clean = partition_manifest(kept, seed) if trainable else kept.head(0).assign(part="")
    summary = DataSummary(
        source=source.shared_name,
        synthetic=source.is_generated,
        data_format=rules.data_format,
        counts_published=count_images(manifest, "split"),
        counts_used=count_images(clean, "part"),
        **summarize_duplicates(manifest, rules.data_format, policy.blank_standard_deviation).model_dump(),
        **(summarize_near_duplicates(manifest, rules.data_format).model_dump() if "group" in manifest else {}),
        before=before,
        after=after,
        quarantine=count_quarantine(quarantine),
    )
    return Judgement(clean=clean, quarantine=quarantine, summary=summary, comparison=comparison)


def _required_splits(manifest: pd.DataFrame) -> tuple[str, ...]:
    """Return the splits that need images: a data set may have no test split, but not an empty one."""
    return SPLITS if (manifest["split"] == "test").any() else tuple(split for split in SPLITS if split != "test")


def _compare_splits(kept: pd.DataFrame, rules: DataRules) -> tuple[SplitComparison, tuple[Finding, ...]]:
    """Compare the splits; return a finding for each pair, at most a warning if the rule is tolerated.

    Images that cleaning sets aside are not compared: they are never trained on.
    """
    if "splits_alike" in rules.unchecked:
        return SplitComparison(pairs=()), ()
    expected = RULES["splits_alike"].expected
    try:
        comparison = compare_splits(kept)
    except Exception as error:
        return SplitComparison(pairs=()), (_not_checked("splits_alike", expected, error),)
    if not comparison.pairs:
        message = "not compared: after cleaning fewer than two splits have images"
        return comparison, (_inform("splits_alike", "not compared", expected, message),)
    tolerated = "splits_alike" in rules.tolerated
    return comparison, tuple(
        finding.model_copy(update={"severity": "warning"}) if tolerated and finding.severity == "critical" else finding
        for finding in comparison.findings()
    )


def _find_odd_images(manifest: pd.DataFrame) -> tuple[Finding, ...]:
    """Return one finding with the images whose statistics are least like the others."""
    expected = "no limit: this is information"
    try:
        odd = find_odd_images(manifest)
    except Exception as error:
        return (_not_checked("odd_images", expected, error),)
    message = f"the {len(odd)} images least like the others, for a person to look at; none is set aside for it"
    return (_inform("odd_images", len(odd), expected, message, tuple(odd["path"].head(EXAMPLES))),)


def _count_conversions(manifest: pd.DataFrame, data_format: DataFormat) -> tuple[Finding, ...]:
    """Return one finding with what is changed in images before networks see them; none if nothing is."""
    images = manifest[manifest["decodable"]]
    counts = images["converted"].str.split(", ").explode().value_counts().to_dict()
    counts.pop("", None)
    if data_format.resize:
        counts[f"resized to {data_format.size}"] = int((~is_sized(images, data_format)).sum())
    if data_format.recolor:
        counts["colour to gray"] = int((~images["gray"]).sum())
    counts = {change: number for change, number in counts.items() if number}
    if not counts:
        return ()
    message = f"images are converted: {', '.join(f'{change} {number:,}' for change, number in counts.items())}"
    return (_inform("converted", sum(counts.values()), "no limit: this is information", message),)


def _not_checked(rule: str, expected: str, error: Exception) -> Finding:
    """Return the finding for a check that raised: always critical, since nothing is known about the data."""
    logger.error("%s could not be checked", rule, exc_info=error)
    return Finding(
        rule=rule,
        severity="critical",
        success=False,
        observed=NOT_CHECKED,
        expected=expected,
        message=f"could not be checked: {error}",
    )


def _inform(rule: str, observed: int | str, expected: str, message: str, examples: tuple[str, ...] = ()) -> Finding:
    return Finding(
        rule=rule,
        severity="info",
        success=True,
        observed=observed,
        expected=expected,
        message=message,
        examples=examples,
    )
