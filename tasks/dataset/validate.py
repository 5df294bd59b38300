"""Task that judges a data set, sets faulty images aside, and judges the rest."""

import logging
import os
import shutil
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pandas as pd
from filelock import FileLock
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from data.base.named_formats import FormatChoice
from data.manifest.found_format import find_format
from data.manifest.table import read_manifest, write_manifest
from data.quality.cleaning import CleaningPolicy, count_quarantine
from data.quality.datasheet import FER2013_FACTS, SAMPLE_FACTS, DatasheetFacts, write_datasheet
from data.quality.drift import make_profile, write_profile
from data.quality.split_similarity import SplitComparison
from data.records.dataset import DataSummary, Finding
from data.sources.source import DatasetSource
from data.workspace.atomic import remove_via_rename
from data.workspace.digests import digest_sources
from data.workspace.layout import (
    COMPARISON_NAME,
    DATA_DOCS_FOLDER,
    DATASETS_STAGE,
    DATASHEET_NAME,
    MANIFEST_NAME,
    PROFILE_NAME,
    QUARANTINE_NAME,
    SUMMARY_NAME,
)
from data.workspace.ownership import finish_owned, forget_owned, holds_only_ours, list_owned, start_owned
from data.workspace.store import Produced, Workspace
from expectations.counts import Counts, choose_profile
from expectations.data_docs import write_data_docs
from expectations.judge import Judgement, judge_data_set
from expectations.policies import RulePolicies, policies_to_rules
from expectations.rules import DataLimits, DataRules, published_rules
from tasks.dataset import correct_labels
from tasks.dataset.add_votes import load_crowd, load_votes_match
from tasks.dataset.correct_labels import (
    ANSWERS_NAME,
    load_answers,
    load_published_counts,
    load_relabel_counts,
    load_removed,
)
from tasks.dataset.manifest import load_carved
from tasks.support.outcomes import finish
from tasks.support.progress import watched

KEY_MODULES = (__name__, correct_labels)

KEPT_DATA_DOCS = 8

LEVELS = {"critical": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO}
"""Log level of a finding, by severity."""


@task(task_run_name="validate data", cache_policy=NO_CACHE)
@watched
def validate_data(
    manifest: Produced,
    source: DatasetSource,
    policies: RulePolicies,
    seed: int,
    workspace: Workspace,
    limits: DataLimits = DataLimits(),
    choice: FormatChoice = FormatChoice(),
) -> Produced:
    """Write the verdict, the quarantine list and the clean manifest with its parts.

    A data set that fails is judged like any other; `tasks.dataset.verdict.accept_data` refuses it.
    """
    published_counts = load_published_counts(manifest)
    inputs = {
        "manifest": manifest.key,
        "source": {"kind": source.kind, "name": source.shared_name, "digest": source.digest},
        "policies": policies.model_dump(mode="json"),
        "limits": limits.model_dump(mode="json"),
        "format": choice.model_dump(mode="json"),
        "seed": seed,
        "code": digest_sources(KEY_MODULES),
    }

    @cache  # read once for the verdict and the pages, and not at all if both exist
    def published() -> pd.DataFrame:
        return read_manifest(manifest.path / MANIFEST_NAME)

    @cache
    def rules() -> tuple[DataRules, CleaningPolicy]:
        return policies_to_rules(
            policies, DataRules(**limits.model_dump(), data_format=find_format(published(), choice))
        )

    def write(out: Path) -> None:
        wanted, cleaning = rules()
        judgement = judge_data_set(published(), source, cleaning, seed, wanted, published_counts)
        _write_dataset(judgement, manifest, source, out)
        write_profile(make_profile(published()), out / PROFILE_NAME)

    dataset = workspace.produce(DATASETS_STAGE, inputs, write)
    _log(load_summary(dataset))
    _keep_docs(find_data_docs(dataset, workspace), published, lambda: published_rules(*rules()), published_counts)
    return finish(dataset, dataset.cached)


def _write_dataset(judgement: Judgement, manifest: Produced, source: DatasetSource, out: Path) -> None:
    quarantine = pd.concat([load_removed(manifest), judgement.quarantine], ignore_index=True)
    corrections = {
        "carved": load_carved(manifest),
        "relabel": load_relabel_counts(manifest),
        "votes": load_votes_match(manifest),
        "crowd": load_crowd(manifest),
        "quarantine": count_quarantine(quarantine),
    }
    summary = judgement.summary.model_copy(update=corrections)
    write_manifest(judgement.clean, out / MANIFEST_NAME)
    quarantine.to_parquet(out / QUARANTINE_NAME, index=False)
    load_answers(manifest).to_parquet(out / ANSWERS_NAME, index=False)
    (out / SUMMARY_NAME).write_text(summary.model_dump_json(indent=1), encoding="utf-8")
    (out / COMPARISON_NAME).write_text(judgement.comparison.model_dump_json(indent=1), encoding="utf-8")
    write_datasheet(summary, known_facts(source, summary), out / DATASHEET_NAME)


def known_facts(source: DatasetSource, summary: DataSummary) -> DatasheetFacts:
    """Return what people know of a data set: of the sample, or of FER2013 if the published counts match."""
    if source.is_generated:
        return SAMPLE_FACTS
    return FER2013_FACTS if choose_profile("recognise", summary.counts_published) else DatasheetFacts()


def find_data_docs(dataset: Produced, workspace: Workspace) -> Path:
    """Return the path of Great Expectations' own pages on a data set, as long as they are kept."""
    return workspace.root / DATA_DOCS_FOLDER / dataset.key


def _keep_docs(
    pages: Path, published: Callable[[], pd.DataFrame], rules: Callable[[], DataRules], published_counts: Counts | None
) -> None:
    """Keep Great Expectations' own pages of the data sets used last, for readers who know them.

    They are optional: if they cannot be written, the run logs a warning and continues.
    """
    pages.parent.mkdir(parents=True, exist_ok=True)
    root = pages.parents[1]
    try:
        with FileLock(pages.parent / ".lock"):
            if not pages.exists():
                # Under a hidden name, which pruning ignores, until they are complete.
                unfinished = pages.with_name(f".{pages.name}.work")
                shutil.rmtree(unfinished, ignore_errors=True)
                start_owned(root, pages)
                write_data_docs(published(), rules(), unfinished, published_counts)
                unfinished.replace(pages)
                finish_owned(root, pages)
            os.utime(pages)  # verdict pages of cached stages link to them
            _remove_old_docs(root)
    except Exception as error:
        get_run_logger().warning("Great Expectations' pages are not written: %s", error, exc_info=True)
        return
    get_run_logger().info("Great Expectations' pages: %s", pages / "index.html")


def _remove_old_docs(root: Path) -> None:
    """Remove the pages of all but the data sets used last; what a person put among them stays."""
    directories = [path for path in list_owned(root, DATA_DOCS_FOLDER) if holds_only_ours(root, path)]
    oldest_first = sorted(directories, key=lambda path: (path.stat().st_mtime_ns, path.name))
    for path in oldest_first[:-KEPT_DATA_DOCS]:
        remove_via_rename(path)
        forget_owned(root, path)


def load_summary(dataset: Produced) -> DataSummary:
    """Return the summary of a judged data set."""
    return DataSummary.model_validate_json((dataset.path / SUMMARY_NAME).read_bytes())


def load_quarantine(dataset: Produced) -> pd.DataFrame:
    """Return the list of what was set aside: path, split, label and reason."""
    return pd.read_parquet(dataset.path / QUARANTINE_NAME)


def load_comparison(dataset: Produced) -> SplitComparison:
    """Return the comparison of the splits of a judged data set, with every statistic that was tested."""
    return SplitComparison.model_validate_json((dataset.path / COMPARISON_NAME).read_bytes())


def log_findings(findings: Iterable[Finding]) -> None:
    """Log failed findings and information, each at the level of its severity."""
    for finding in findings:
        if not finding.success or finding.severity == "info":
            get_run_logger().log(LEVELS[finding.severity], "%s: %s", finding.rule, finding.message)


def _log(summary: DataSummary) -> None:
    log_findings(summary.before.findings)
    log_findings(summary.after.failed("critical"))
    for count in summary.quarantine:
        get_run_logger().info("quarantined %d images: %s", count.images, count.reason)
