"""Task that publishes the comparison of a run's variants as a report and as Prefect artifacts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from data.base.errors import PipelineError
from data.records.export import ExportBundle
from data.records.run import RunResults
from data.records.training import VariantResult
from data.views.pictures import FACES_NAME, PICTURES_NAME
from data.workspace.digests import digest_sources, hash_json
from data.workspace.layout import REPORTS_STAGE
from data.workspace.store import Produced, Workspace
from models.evaluation import comparison
from models.export.bundle import read_bundle
from models.export.find import find_export
from models.export.reported import Reported
from reports.common.templates import digest_templates
from reports.run import page
from reports.run.page import render_report
from reports.run.sources import ReportSources
from reports.run.summary import leaderboard_rows
from reports.site.index import INDEX_PAGE, write_index
from tasks.publish import analysis, run_results
from tasks.publish.analysis import add_analysis
from tasks.publish.run_results import Outcome, ReportedStages, RunFacts, assemble_results, load_results
from tasks.support.links import link_report, mlflow_page, report_page
from tasks.support.outcomes import finish
from tasks.support.progress import watched

KEY_MODULES = (page, comparison, analysis, run_results)


@task(task_run_name="publish report", cache_policy=NO_CACHE)
@watched
def publish_report(
    facts: RunFacts,
    stages: ReportedStages,
    variants: list[VariantResult],
    workspace: Workspace,
    outcome: Outcome,
    wait_for_export: Callable[[], None] | None = None,
) -> Produced:
    """Compare the variants, render the report, and publish its tables as artifacts of the run.

    Args:
        facts: facts about the run.
        stages: finished stages that the report is made from.
        variants: the variants that it compares.
        workspace: the report is written into it.
        outcome: of deciding on the champion.
        wait_for_export: returns when the export that was started has ended, so that the report has its table.

    Raises:
        PipelineError: no variant was trained; the report is published first.
    """
    inputs = _report_inputs(facts, stages, variants, outcome)

    def write(out: Path) -> None:
        results = assemble_results(facts, stages, variants, outcome)
        key = hash_json(inputs)
        results = results.model_copy(update={"report_key": key, "mlflow_url": mlflow_page(key)})
        results = add_analysis(results, workspace.root, key, out / FACES_NAME)
        if wait_for_export:
            wait_for_export()
        results = results.model_copy(update={"exports": _load_exports(stages, variants, workspace)})
        sources = ReportSources(
            pictures=stages.views.path / PICTURES_NAME,
            verdict=stages.verdict.path,
            audit=stages.audit.path if stages.audit else None,
            faces=out / FACES_NAME,
        )
        render_report(results, out, sources)

    report = workspace.produce(REPORTS_STAGE, inputs, write)
    results = load_results(report)
    if not report.cached or not is_listed(report):
        refresh_index(workspace)
    _publish(results, report)
    if results.best is None:
        raise _no_variant_error(facts, variants, report)
    return finish(report, report.cached)


def _load_exports(
    stages: ReportedStages, variants: list[VariantResult], workspace: Workspace
) -> tuple[ExportBundle, ...]:
    """Read the exports that trained variants have by now, with figures by the same labels as those of the report.

    They are not inputs of the report's stage: a repeated run finds its report, though its champion is exported now.
    """
    keys = [variant.training for variant in variants if variant.status == "trained"]
    reported = Reported(stages.truth, stages.dataset.key)
    paths = (find_export(workspace.root, key, reported) for key in keys)
    return tuple(read_bundle(path) for path in paths if path)


def _report_inputs(
    facts: RunFacts,
    stages: ReportedStages,
    variants: list[VariantResult],
    outcome: Outcome,
) -> dict[str, Any]:
    return {
        "dataset": stages.dataset.key,
        "verdict": stages.verdict.key,
        "views": stages.views.key,
        "audit": stages.audit.key if stages.audit else None,
        "decision": outcome.decision.key if outcome.decision else None,
        "undecided": outcome.undecided,
        "preset": facts.preset,
        "seed": facts.seed,
        "truth": stages.truth,
        "variants": {v.name: [v.status, v.reason, len(v.epochs), v.training] for v in variants},
        "repeats": {v.name: [r.model_dump(mode="json") for r in v.repeats] for v in variants if v.repeats},
        "code": digest_sources(KEY_MODULES),
        "templates": digest_templates(),
    }


def _no_variant_error(facts: RunFacts, variants: list[VariantResult], report: Produced) -> PipelineError:
    reasons = "; ".join(f"{v.name}: {v.reason}" for v in variants)
    seed = f" with seed {facts.seed}" if any(v.repeats for v in variants) else ""
    return PipelineError(f"no variant was trained{seed} ({reasons}); the report is {report.path / 'index.html'}")


def is_listed(report: Produced) -> bool:
    """Tell whether the index of the reports names this one; a run that was killed may not have come so far."""
    index = report.path.parent / INDEX_PAGE
    return index.is_file() and report.key in index.read_text(encoding="utf-8")


def refresh_index(workspace: Workspace) -> None:
    """Write the index of the reports again; a failure is logged and does not stop the run."""
    try:
        write_index(workspace.root)
    except Exception as error:  # an older report may contain anything
        get_run_logger().warning("the index of the reports could not be written: %s", error)


def _publish(results: RunResults, report: Produced) -> None:
    page = report_page(report)
    get_run_logger().info("report: %s", page)
    create_table_artifact(key="leaderboard", table=leaderboard_rows(results), description=f"Variants of {page}")
    link_report(report)
    create_markdown_artifact(key="report", markdown=(report.path / "report.md").read_text(), description=page)
