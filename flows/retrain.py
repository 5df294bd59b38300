"""Retrain: from a data set to a comparison report."""

import shlex
import time
from pathlib import Path
from typing import Annotated, Any

from prefect import flow
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from data.hardware import default_parallel, threads_per_child
from data.records import VariantResult
from data.source import parse_source
from data.workspace import Produced, Workspace
from expectations.policies import RulePolicies
from flows.ingest import prepare_data, short_source
from flows.settings import Settings
from models.presets import PRESETS, PresetName
from models.variants import VariantName, find_variant
from tasks.children import training_children
from tasks.report import RunFacts, publish_report
from tasks.stages import record_of
from tasks.tfrecords import build_views
from tasks.train import TrainingJob, train_variant, unfinished_result


def name_run() -> str:
    """Return a short name for the running flow: its preset and the last part of its source."""
    parameters = flow_run.parameters
    return f"{parameters['preset']} on {short_source(parameters['source'])}"


@flow(name="retrain", flow_run_name=name_run, log_prints=False)
def retrain(
    source: str = "sample",
    preset: PresetName = "quick",
    variants: list[VariantName] = [],  # noqa: B006 - the UI's form wants a concrete default; never changed
    parallel: Annotated[int, Field(ge=0, le=64)] = 0,
    time_budget_minutes: Annotated[float, Field(ge=0, le=10_000)] = 0,
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 42,
    policies: RulePolicies = RulePolicies(),
    force: bool = False,
) -> Path:
    """Retrain every variant on a data set and publish the comparison.

    Args:
        source: "sample", a folder, an archive's path or URL, or a Google Drive id or URL.
        preset: which variants, views and recipes.
        variants: instead of the preset's own.
        parallel: variants trained at once; 0 takes one a core, at most two.
        time_budget_minutes: most minutes of training a variant; 0 leaves the preset's.
        seed: of parts, views and trainings.
        policies: what is done where a rule is broken.
        force: do every stage again.

    Returns:
        The report's directory.
    """
    settings, chosen, started = Settings(), PRESETS[preset], time.time()
    workspace = Workspace(settings.workspace, force=force)
    names = variants or chosen.variants
    parallel = min(parallel or default_parallel(), len(names))
    images, dataset = prepare_data(parse_source(source), policies, seed, workspace, settings)
    views = build_views(dataset, images, chosen.augment, chosen.views, seed, workspace)
    jobs = [
        TrainingJob(
            variant=find_variant(name),
            train=chosen.recipe(name, time_budget_minutes),
            seed=seed,
            threads=threads_per_child(parallel),
            weights_dir=settings.weights_dir,
            allow_weight_download=settings.allow_weight_download,
        )
        for name in names
    ]
    results = train_variants(jobs, views, parallel, workspace)
    report = publish_report(run_facts(started), dataset, views, results, workspace)
    return record_of(report).path


def train_variants(
    jobs: list[TrainingJob], views: Produced, parallel: int, workspace: Workspace
) -> list[VariantResult]:
    """Train the variants, so many at once; one that fails becomes a result that says why.

    The children end before the task runner is left, since leaving it waits for its threads.
    """
    with ThreadPoolTaskRunner(max_workers=parallel) as runner, training_children() as children:
        futures = [
            runner.submit(train_variant, {"job": job, "views": views, "workspace": workspace, "children": children})
            for job in jobs
        ]
        outcomes = [future.result(raise_on_failure=False) for future in futures]
    return [
        outcome if isinstance(outcome, VariantResult) else unfinished_result(job.variant, "failed", str(outcome))
        for job, outcome in zip(jobs, outcomes, strict=True)
    ]


def run_facts(started: float) -> RunFacts:
    """Return what the report says of the running flow."""
    parameters = flow_run.parameters
    return RunFacts(
        run_name=flow_run.name or "retrain",
        command=repeat_command(parameters),
        started_seconds=started,
        seed=parameters["seed"],
        preset=parameters["preset"],
        augmentation=PRESETS[parameters["preset"]].augment.model_dump(mode="json"),
        prefect_url=flow_run.ui_url or "",
    )


def repeat_command(parameters: dict[str, Any]) -> str:
    """Return the command line that repeats a run with these parameters."""
    words = ["emotion", "run", "--source", parameters["source"], "--preset", parameters["preset"]]
    words += ["--seed", str(parameters["seed"])]
    if parameters.get("variants"):
        words += ["--variants", ",".join(parameters["variants"])]
    if parameters.get("time_budget_minutes"):
        words += ["--time-budget", f"{parameters['time_budget_minutes']:g}"]
    return shlex.join(words)
