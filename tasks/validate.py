"""Judge a data set, set aside what must be, and judge what is left."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from data.clean import count_quarantine
from data.datasheet import FER2013_FACTS, SAMPLE_FACTS, DatasheetFacts, write_datasheet
from data.manifest import read_manifest
from data.profile import make_profile, write_profile
from data.records import DataSummary
from data.source import DatasetSource
from data.workspace import Produced, Workspace, digest_sources
from expectations.counts import choose_profile
from expectations.judgement import judge_data_set
from expectations.policies import RulePolicies, policies_to_rules
from expectations.rules import DataRules, published_rules
from expectations.validation import prune_data_docs, write_data_docs
from tasks.inventory import MANIFEST_NAME
from tasks.relabel import load_relabel_counts, load_removed
from tasks.stages import finish

DATASETS_STAGE = "datasets"
SUMMARY_NAME = "summary.json"
QUARANTINE_NAME = "quarantine.parquet"
PROFILE_NAME = "profile.json"
DATASHEET_NAME = "datasheet.md"
DATA_DOCS_FOLDER = "data_docs"
KEPT_DATA_DOCS = 8


@task(task_run_name="validate data", cache_policy=NO_CACHE)
def validate_data(
    manifest: Produced, source: DatasetSource, policies: RulePolicies, seed: int, workspace: Workspace
) -> Produced:
    """Write the verdict, the quarantine list and the clean manifest with its parts.

    A data set that fails is judged like any other; `tasks.verdict.accept_data` refuses it.
    """
    rules, cleaning = policies_to_rules(policies)
    inputs = {
        "manifest": manifest.key,
        "source": source.model_dump(mode="json"),
        "policies": policies.model_dump(mode="json"),
        "seed": seed,
        "code": digest_sources(["expectations.judgement", "expectations.policies", "data.profile", "data.datasheet"]),
    }

    @cache  # judged and drawn from one reading, and not read at all where all is done
    def published() -> pd.DataFrame:
        return read_manifest(manifest.path / MANIFEST_NAME)

    def write(out: Path) -> None:
        judgement = judge_data_set(published(), source, cleaning, seed, rules)
        quarantine = pd.concat([load_removed(manifest), judgement.quarantine], ignore_index=True)
        corrections = {"relabel": load_relabel_counts(manifest), "quarantine": count_quarantine(quarantine)}
        summary = judgement.summary.model_copy(update=corrections)
        judgement.clean.to_parquet(out / MANIFEST_NAME, index=False)
        quarantine.to_parquet(out / QUARANTINE_NAME, index=False)
        (out / SUMMARY_NAME).write_text(summary.model_dump_json(indent=1))
        write_profile(make_profile(published()), out / PROFILE_NAME)
        write_datasheet(summary, known_facts(source, summary), out / DATASHEET_NAME)

    dataset = workspace.produce(DATASETS_STAGE, inputs, write)
    summary = load_summary(dataset)
    _log(summary)
    _write_docs(find_data_docs(dataset, workspace), published, published_rules(rules, cleaning))
    return finish(dataset, dataset.cached)


def known_facts(source: DatasetSource, summary: DataSummary) -> DatasheetFacts:
    """Return what people know of a data set: of the sample, or of the set behind the notebook's, by its counts."""
    if source.kind == "sample":
        return SAMPLE_FACTS
    return FER2013_FACTS if choose_profile("recognise", summary.counts_published) else DatasheetFacts()


def find_data_docs(dataset: Produced, workspace: Workspace) -> Path:
    """Return where Great Expectations' own pages of a data set are, as long as they are kept."""
    return workspace.root / DATA_DOCS_FOLDER / dataset.key


def _write_docs(pages: Path, published: Callable[[], pd.DataFrame], rules: DataRules) -> None:
    """Keep Great Expectations' own pages of the latest data sets, for those who know them."""
    if not pages.exists():
        # Under a name that pruning lets be until they are whole.
        unfinished = pages.with_name(f".{pages.name}.work")
        shutil.rmtree(unfinished, ignore_errors=True)
        write_data_docs(published(), rules, unfinished)
        unfinished.replace(pages)
        prune_data_docs(pages.parent, KEPT_DATA_DOCS)
    get_run_logger().info("Great Expectations' pages: %s", pages / "index.html")


def load_summary(dataset: Produced) -> DataSummary:
    """Return the summary of a judged data set."""
    return DataSummary.model_validate_json((dataset.path / SUMMARY_NAME).read_text())


def load_quarantine(dataset: Produced) -> pd.DataFrame:
    """Return the list of what was set aside: path, split, label and reason."""
    return pd.read_parquet(dataset.path / QUARANTINE_NAME)


def _log(summary: DataSummary) -> None:
    logger = get_run_logger()
    for finding in summary.before.findings:
        if not finding.success:
            logger.warning("%s: %s", finding.severity, finding.message)
    for count in summary.quarantine:
        logger.info("quarantined %d images: %s", count.images, count.reason)
