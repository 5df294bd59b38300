"""Publish the comparison of a run's variants as a report and as Prefect artifacts."""

import time
from pathlib import Path

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from data.base.errors import PipelineError
from data.base.labels import CLASSES
from data.base.record import Record
from data.records.promotion import Decision
from data.records.run import RunResults
from data.records.training import VariantResult
from data.system.hardware import describe_hardware
from data.system.provenance import code_version, package_versions
from data.views.pictures import FACES_NAME, PICTURES_NAME
from data.workspace.digests import digest_sources, hash_json
from data.workspace.store import Produced, Workspace, read_record
from models.evaluation.comparison import compare_variants, rank_variants
from reports.common.templates import digest_templates
from reports.dataset.exhibits import load_evidence
from reports.run.page import ReportSources, render_report
from reports.run.summary import leaderboard_rows
from reports.site.index import write_index
from reports.site.stored_reports import RESULTS_NAME
from tasks.dataset.acquire import IMAGES_STAGE
from tasks.dataset.inventory import MANIFESTS_STAGE
from tasks.dataset.validate import load_summary
from tasks.publish.analysis import add_analysis
from tasks.support.links import link_report, mlflow_page, report_page
from tasks.support.outcomes import finish
from tasks.support.progress import watched
from tasks.training.distill import SOFT_LABELS_STAGE
from tasks.training.train import VARIANTS_STAGE

REPORTS_STAGE = "reports"
DECISION_NAME = "decision.json"


class RunFacts(Record):
    """What a report says of its run beside the results."""

    run_name: str
    command: str
    started_seconds: float
    seed: int
    preset: str
    augmentation: dict[str, object]
    prefect_url: str = ""


class ReportedStages(Record):
    """The finished stages that a report is drawn from, beside the variants."""

    dataset: Produced
    verdict: Produced
    views: Produced
    audit: Produced | None  # None where it failed: the report leaves its section out


@task(task_run_name="publish report", cache_policy=NO_CACHE)
@watched
def publish_report(
    facts: RunFacts,
    stages: ReportedStages,
    variants: list[VariantResult],
    workspace: Workspace,
    decision: Produced | None = None,
    undecided: str = "",
) -> Produced:
    """Compare the variants, render the report, and put its tables on the run.

    Args:
        facts: what the report says of its run.
        stages: what it is drawn from.
        variants: what it compares.
        workspace: where it is written.
        decision: the finished stage with the decision on the champion; None where none could be made.
        undecided: why none could be made.

    Raises:
        PipelineError: no variant was trained; the report is published first.
    """
    inputs = {
        "dataset": stages.dataset.key,
        "verdict": stages.verdict.key,
        "views": stages.views.key,
        "audit": stages.audit.key if stages.audit else None,
        "decision": decision.key if decision else None,
        "undecided": undecided,
        "preset": facts.preset,
        "seed": facts.seed,
        "variants": {v.name: [v.status, v.reason, len(v.epochs), Path(v.directory).name] for v in variants},
        "repeats": {v.name: [r.model_dump(mode="json") for r in v.repeats] for v in variants if v.repeats},
        "code": digest_sources(["reports.run.page", "models.evaluation.comparison", "tasks.publish.analysis"]),
        "templates": digest_templates(),
    }

    def write(out: Path) -> None:
        results = assemble_results(facts, stages, variants, decision, undecided)
        key = hash_json(inputs)
        results = results.model_copy(update={"report_key": key, "mlflow_url": mlflow_page(key)})
        results = add_analysis(results, workspace.root, key, out / FACES_NAME)
        sources = ReportSources(
            pictures=stages.views.path / PICTURES_NAME,
            verdict=stages.verdict.path,
            audit=stages.audit.path if stages.audit else None,
            faces=out / FACES_NAME,
        )
        render_report(results, out, sources)

    report = workspace.produce(REPORTS_STAGE, inputs, write)
    results = load_results(report)
    refresh_index(workspace)
    _publish(results, report)
    if results.best is None:
        reasons = "; ".join(f"{v.name}: {v.reason}" for v in variants)
        seed = f" with seed {facts.seed}" if any(v.repeats for v in variants) else ""
        raise PipelineError(f"no variant was trained{seed} ({reasons}); the report is {report.path / 'index.html'}")
    return finish(report, report.cached)


def refresh_index(workspace: Workspace) -> None:
    """Write the index of the reports again; one that cannot be written costs a run nothing."""
    try:
        write_index(workspace.root)
    except Exception as error:  # whatever an older report holds
        get_run_logger().warning("the index of the reports could not be written: %s", error)


def assemble_results(
    facts: RunFacts,
    stages: ReportedStages,
    variants: list[VariantResult],
    decision: Produced | None = None,
    undecided: str = "",
) -> RunResults:
    """Bring everything that the report is drawn from into one record."""
    comparisons, best = compare_variants(variants, facts.seed)
    return RunResults(
        run_name=facts.run_name,
        command=facts.command,
        started=time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(facts.started_seconds)),
        seconds=round(time.time() - facts.started_seconds, 1),
        seed=facts.seed,
        preset=facts.preset,
        classes=CLASSES,
        data=load_summary(stages.dataset),
        changes=load_evidence(stages.verdict.path).changes,
        augmentation=dict(facts.augmentation),
        variants=rank_variants(variants),
        comparisons=comparisons,
        best=best,
        decision=load_decision(decision) if decision else None,
        undecided=undecided,
        lineage=trace_lineage(stages, variants),
        versions=package_versions(),
        hardware=describe_hardware(),
        code_version=code_version(),
        prefect_url=facts.prefect_url,
    )


def trace_lineage(stages: ReportedStages, variants: list[VariantResult]) -> dict[str, str]:
    """Return the key of every stage behind a comparison, back to the archive and the corrections where there were."""
    root = stages.views.path.parents[1]
    manifest_key = read_record(stages.dataset.path).inputs["manifest"]
    images_key = read_record(stages.views.path).inputs["images"]
    origins = {
        "archive SHA-256": read_record(root / IMAGES_STAGE / images_key).inputs.get("archive_sha256"),
        "relabel.csv SHA-256": read_record(root / MANIFESTS_STAGE / manifest_key).inputs.get("relabel_sha256"),
    }
    return {
        **{name: digest for name, digest in origins.items() if digest},
        IMAGES_STAGE: images_key,
        MANIFESTS_STAGE: manifest_key,
        **{stage.stage: stage.key for stage in (stages.dataset, stages.verdict, stages.views, stages.audit) if stage},
        **{f"{VARIANTS_STAGE}/{v.name}": Path(v.directory).name for v in variants if v.directory},
        **{
            f"{VARIANTS_STAGE}/{v.name} (seed {repeat.seed})": repeat.training
            for v in variants
            for repeat in v.repeats[1:]
            if repeat.training
        },
        **{f"{SOFT_LABELS_STAGE}/{v.name}": key for v in variants if (key := _soft_labels_of(v))},
    }


def _soft_labels_of(variant: VariantResult) -> str:
    """Return the key of the soft labels that a variant was trained with, or an empty string."""
    return read_record(Path(variant.directory)).inputs.get("soft_labels", "") if variant.directory else ""


def load_decision(stage: Produced) -> Decision:
    """Return the decision of a finished stage."""
    return Decision.model_validate_json((stage.path / DECISION_NAME).read_text())


def load_results(report: Produced) -> RunResults:
    """Return the results of a published report."""
    return RunResults.model_validate_json((report.path / RESULTS_NAME).read_text())


def _publish(results: RunResults, report: Produced) -> None:
    page = report_page(report)
    get_run_logger().info("report: %s", page)
    create_table_artifact(key="leaderboard", table=leaderboard_rows(results), description=f"Variants of {page}")
    link_report(report)
    create_markdown_artifact(key="report", markdown=(report.path / "report.md").read_text(), description=page)
