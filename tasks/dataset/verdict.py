"""Tasks that publish the verdict on a data set, and accept the data set or refuse it."""

from pathlib import Path

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from data.base.errors import DataRejected
from data.manifest.table import read_manifest
from data.quality.accepted import read_accepted, write_accepted
from data.records.dataset import DataSummary
from data.sources.folder_names import describe_names
from data.sources.source import DatasetSource
from data.workspace.digests import digest_sources
from data.workspace.layout import DATA_DOCS_FOLDER, DATASHEET_NAME, IMAGES_FOLDER, MANIFEST_NAME, VERDICTS_STAGE
from data.workspace.stage_record import read_record
from data.workspace.store import Produced, Workspace
from expectations.policies import RULE_ON_CHANGE
from reports.common.templates import digest_templates
from reports.dataset.exhibits import (
    CHANGED_LIST,
    QUARANTINE_LIST,
    DataEvidence,
    gather_exhibits,
    gather_odd_images,
    load_evidence,
)
from reports.dataset.findings import judge_outcome, list_next_steps
from reports.dataset.verdict_page import VERDICT_PAGE, render_verdict, verdict_markdown
from tasks.dataset.acquire import load_folder_names
from tasks.dataset.drift import compared_with, load_changed_images, load_changes
from tasks.dataset.validate import find_data_docs, load_comparison, load_quarantine, load_summary
from tasks.support.events import DATA_REJECTED, emit
from tasks.support.links import page_address
from tasks.support.outcomes import finish
from tasks.support.progress import watched

KEY_MODULES = (__name__,)

UP_TO_WORKSPACE = Path("..", "..")
"""Path from the directory of a stage to the workspace: links are relative, so that the workspace can be moved."""


@task(task_run_name="publish verdict", cache_policy=NO_CACHE)
@watched
def publish_verdict(
    images: Produced, manifest: Produced, dataset: Produced, change: Produced, workspace: Workspace
) -> Produced:
    """Write the verdict's page and lists, and publish it as an artifact, whether the data set is accepted or not."""
    inputs = {
        "images": images.key,
        "dataset": dataset.key,
        "change": change.key,
        "code": digest_sources(KEY_MODULES),
        "templates": digest_templates(),
    }

    def write(out: Path) -> None:
        evidence = gather_evidence(images, manifest, dataset, change)
        changed = load_changed_images(change)
        if changed is not None:
            changed.to_csv(out / CHANGED_LIST, index=False)
        render_verdict(load_summary(dataset), evidence, load_quarantine(dataset), out)

    verdict = workspace.produce(VERDICTS_STAGE, inputs, write)
    _publish(verdict, dataset, workspace)
    return finish(verdict, verdict.cached)


def gather_evidence(images: Produced, manifest: Produced, dataset: Produced, change: Produced) -> DataEvidence:
    """Collect what the verdict's page shows in addition to the summary."""
    summary, changes = load_summary(dataset), load_changes(change)
    published = read_manifest(manifest.path / MANIFEST_NAME)
    folder = images.path / IMAGES_FOLDER
    former, policies = compared_with(change), read_record(dataset.path).inputs["policies"]
    return DataEvidence(
        dataset=dataset.key,
        folders=(*describe_names(load_folder_names(images)), *summary.describe_reading()),
        comparison=load_comparison(dataset),
        policies={rule: choice for rule, choice in policies.items() if rule != RULE_ON_CHANGE},
        compared_with=former,
        changes=changes,
        exhibits=gather_exhibits(summary.before.findings, published, folder),
        change_exhibits=gather_exhibits(changes, published, folder),
        odd_images=gather_odd_images(summary.before.findings, published, folder),
        files={"quarantine": QUARANTINE_LIST} | ({"changed images": CHANGED_LIST} if former else {}),
        links={
            "Datasheet": (UP_TO_WORKSPACE / dataset.stage / dataset.key / DATASHEET_NAME).as_posix(),
            "Great Expectations' Data Docs": (
                UP_TO_WORKSPACE / DATA_DOCS_FOLDER / dataset.key / "index.html"
            ).as_posix(),
        },
    )


@task(task_run_name="accept data", cache_policy=NO_CACHE)
@watched
def accept_data(dataset: Produced, verdict: Produced, source: DatasetSource, workspace: Workspace) -> Produced:
    """Make the data set the accepted one of its source, or refuse it.

    Raises:
        DataRejected: a critical rule is broken, or the data set changed beyond a limit.
    """
    known = read_accepted(source, workspace).key == dataset.key
    _refuse(load_summary(dataset), load_evidence(verdict.path), verdict, known)
    write_accepted(dataset, source, workspace)
    return finish(dataset, cached=known)


def _refuse(summary: DataSummary, evidence: DataEvidence, verdict: Produced, known: bool) -> None:
    outcome = judge_outcome(summary, evidence)
    if outcome == "accepted" or (outcome == "changed" and known):
        return
    messages = "; ".join(step.message for step in list_next_steps(summary, evidence))
    page = verdict.path / VERDICT_PAGE
    if outcome == "refused":
        text = f"the data set is refused, nothing was trained: {messages}. What was found and what to do next: {page}"
    else:
        text = (
            f"the data set changed beyond a limit since the last accepted one: {messages}. "
            f"Look at {page}; the policy {RULE_ON_CHANGE}=warn accepts it"
        )
    emit(DATA_REJECTED, f"dataset.{summary.source}", outcome=outcome, messages=messages, page=str(page))
    raise DataRejected(text, verdict.path)


def _publish(verdict: Produced, dataset: Produced, workspace: Workspace) -> None:
    page = verdict.path / VERDICT_PAGE
    summary = load_summary(dataset)
    get_run_logger().info("data verdict: %s", page)
    places = {
        "Verdict": page_address(page),
        "Datasheet": page_address(dataset.path / DATASHEET_NAME),
        "Data Docs": page_address(find_data_docs(dataset, workspace) / "index.html"),
    }
    create_markdown_artifact(
        key="data-quality",
        markdown=verdict_markdown(summary, load_evidence(verdict.path), places),
        description=f"Data quality of {summary.source}",
    )
