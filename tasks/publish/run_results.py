"""Results of a run, assembled from its finished stages for the report."""

import time
from pathlib import Path
from typing import NamedTuple

from data.base.record import Record
from data.records.dataset import Finding
from data.records.promotion import Decision
from data.records.run import ARCHIVE_DIGEST, RELABEL_DIGEST, VOTES_DIGEST, RunResults
from data.records.training import VariantResult
from data.records.truths import TruthName
from data.system.hardware import describe_hardware
from data.system.provenance import code_version, package_versions
from data.workspace.layout import (
    CHANGES_STAGE,
    DECISION_NAME,
    IMAGES_STAGE,
    MANIFESTS_STAGE,
    SOFT_LABELS_STAGE,
    VARIANTS_STAGE,
)
from data.workspace.run_results import read_results
from data.workspace.stage_record import read_record
from data.workspace.store import Produced
from models.evaluation.comparison import compare_variants, rank_variants
from tasks.dataset.drift import load_changes
from tasks.dataset.validate import load_summary
from tasks.publish.truths import load_truth


class RunFacts(Record):
    """Facts about a run that a report shows beside the results."""

    run_name: str
    command: str
    started_seconds: float
    seed: int
    preset: str
    augmentation: dict[str, object]
    prefect_url: str = ""


class ReportedStages(Record):
    """Finished stages that a report is made from, beside the variants."""

    dataset: Produced
    verdict: Produced
    views: Produced
    audit: Produced | None  # None if it failed: the report leaves its section out
    truth: TruthName = "published"  # labels that ranking, decision and slices follow


class Outcome(NamedTuple):
    """Outcome of deciding on the champion: the finished stage, or why there is none."""

    decision: Produced | None = None
    undecided: str = ""


def assemble_results(
    facts: RunFacts, stages: ReportedStages, variants: list[VariantResult], outcome: Outcome
) -> RunResults:
    """Collect everything that the report is made from in one record."""
    comparisons, best = compare_variants(variants, facts.seed, load_truth(stages.dataset, stages.truth))
    data = load_summary(stages.dataset)
    return RunResults(
        run_name=facts.run_name,
        command=facts.command,
        started=time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(facts.started_seconds)),
        seconds=round(time.time() - facts.started_seconds, 1),
        seed=facts.seed,
        preset=facts.preset,
        classes=data.data_format.labels,
        data=data,
        changes=load_changes_of(stages.verdict),
        augmentation=dict(facts.augmentation),
        truth=stages.truth,
        variants=rank_variants(variants),
        comparisons=comparisons,
        best=best,
        decision=load_decision(outcome.decision) if outcome.decision else None,
        undecided=outcome.undecided,
        lineage=trace_lineage(stages, variants),
        versions=package_versions(),
        hardware=describe_hardware(),
        code_version=code_version(),
        prefect_url=facts.prefect_url,
    )


def trace_lineage(stages: ReportedStages, variants: list[VariantResult]) -> dict[str, str]:
    """List the key of every stage behind a comparison, back to the archive, the votes and the label corrections."""
    root = stages.views.path.parents[1]
    manifest_key = read_record(stages.dataset.path).inputs["manifest"]
    images_key = read_record(stages.views.path).inputs["images"]
    archive = read_record(root / IMAGES_STAGE / images_key).inputs.get("archive_sha256")
    return {
        **({ARCHIVE_DIGEST: archive} if archive else {}),
        **trace_votes_and_corrections(root, manifest_key),
        IMAGES_STAGE: images_key,
        MANIFESTS_STAGE: manifest_key,
        **{stage.stage: stage.key for stage in (stages.dataset, stages.verdict, stages.views, stages.audit) if stage},
        **{f"{VARIANTS_STAGE}/{v.name}": v.training for v in variants if v.training},
        **{
            f"{VARIANTS_STAGE}/{v.name} (seed {repeat.seed})": repeat.training
            for v in variants
            for repeat in v.repeats[1:]
            if repeat.training
        },
        **{f"{SOFT_LABELS_STAGE}/{v.name}": key for v in variants if (key := _soft_labels_of(v))},
    }


def trace_votes_and_corrections(root: Path, manifest_key: str) -> dict[str, str]:
    """List the digests of the files of corrections and votes behind a manifest, as far as there are any.

    Args:
        root: of the workspace.
        manifest_key: of a manifest that may be made from another one.
    """
    found: dict[str, str] = {}
    while manifest_key:
        inputs = read_record(root / MANIFESTS_STAGE / manifest_key).inputs
        for name, field in ((RELABEL_DIGEST, "relabel_sha256"), (VOTES_DIGEST, "votes_sha256")):
            found |= {name: inputs[field]} if field in inputs else {}
        manifest_key = inputs.get("manifest", "")
    return found


def _soft_labels_of(variant: VariantResult) -> str:
    """Find the key of the soft labels that a variant was trained with; empty if there were none."""
    return read_record(Path(variant.directory)).inputs.get("soft_labels", "") if variant.directory else ""


def load_changes_of(verdict: Produced) -> tuple[Finding, ...]:
    """Read how the data set of a verdict changed since the last accepted one, from the stage that compared them."""
    key = read_record(verdict.path).inputs["change"]
    path = verdict.path.parents[1] / CHANGES_STAGE / key
    return load_changes(Produced(stage=CHANGES_STAGE, key=key, path=path, cached=True))


def load_decision(stage: Produced) -> Decision:
    """Read the decision of a finished stage."""
    return Decision.model_validate_json((stage.path / DECISION_NAME).read_bytes())


def load_results(report: Produced) -> RunResults:
    """Read the results of a published report."""
    return read_results(report.path)
