"""Retrain: from a data set to a comparison report."""

import time
from pathlib import Path
from typing import Annotated

from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed
from pydantic import Field

from data.sources.source import parse_source
from data.system.hardware import default_parallel
from data.workspace.store import Produced, Workspace
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.server.shared import ends_with_its_runs
from flows.settings import load_settings
from flows.steps.prepare import DataChoices, prepare_data, short_source
from flows.steps.publish import prune_after_flow, publish
from flows.steps.repeat_command import repeat_command
from flows.steps.training import plan_job, plan_student, train_repeats, with_ensemble, with_student
from models.catalog.presets import Preset, PresetChoice, load_preset
from models.catalog.seeds import MAX_SEEDS, training_seeds
from models.catalog.variants import VariantName
from models.promotion.policy import PromotionPolicy
from tasks.dataset.views import build_views
from tasks.publish.label_audit import audit_variant_labels
from tasks.publish.run_results import ReportedStages, RunFacts
from tasks.support.links import report_page
from tasks.support.outcomes import record_if_done, record_of

NOTHING_TO_DO = "Nothing to do"


def name_run() -> str:
    """Return a short name for the running flow: its preset and the last part of its source."""
    parameters = flow_run.parameters
    return f"{short_preset(parameters['preset'])} on {short_source(parameters['source'])}"


def short_preset(preset: str) -> str:
    """Return a built-in preset's name, or that of a preset file without its folder and ending."""
    return Path(preset).stem


@flow(name="retrain", flow_run_name=name_run, log_prints=False)
def retrain(
    source: str = "sample",
    preset: PresetChoice = "quick",
    variants: list[VariantName] = [],  # noqa: B006 - the UI's form wants a concrete default; never changed
    parallel: Annotated[int, Field(ge=0, le=64)] = 0,
    time_budget_minutes: Annotated[float, Field(ge=0, le=10_000)] = 0,
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 42,
    seeds: Annotated[int, Field(ge=1, le=MAX_SEEDS)] = 1,
    relabel: str = "",
    policies: RulePolicies = RulePolicies(),
    limits: DataLimits = DataLimits(),
    promotion: PromotionPolicy = PromotionPolicy(),
    force: bool = False,
) -> Path:
    """Retrain every variant on a data set and publish the comparison.

    Args:
        source: "sample", a folder, an archive's path or URL, or a Google Drive id or URL.
        preset: which variants, views and recipes; a built-in name or the path of a preset file.
        variants: instead of the preset's own.
        parallel: trainings at once; 0 takes one a core, at most two.
        time_budget_minutes: most minutes of one training; 0 leaves the preset's.
        seed: of parts, views and trainings.
        seeds: trainings of each variant, with seed, seed + 1 and so on, on the same parts and views; the first is
            compared, all tell how much training alone spreads.
        relabel: path of a relabel.csv with a person's corrections.
        policies: what is done where a rule is broken.
        limits: how many images a data set needs, and how unlike its classes may be in size.
        promotion: what is asked of a variant before it becomes the champion.
        force: do every stage again.

    Returns:
        The report's directory.
    """
    settings, chosen, started = load_settings(), load_preset(preset), time.time()
    workspace = settings.open_workspace(force)
    names, train_seeds = variants or chosen.variants, training_seeds(seed, seeds)
    parallel = min(parallel or default_parallel(), len(names) * seeds)
    data = prepare_data(DataChoices(parse_source(source), relabel, policies, limits, seed), workspace, settings)
    views = build_views(data.dataset, data.images, chosen.augment, chosen.views, seed, workspace)
    jobs = [plan_job(name, chosen, time_budget_minutes, seed, parallel, settings) for name in names]
    results = train_repeats(jobs, train_seeds, views, parallel, workspace)
    audit = audit_variant_labels(results, data.images, data.dataset, workspace, return_state=True)
    results = with_ensemble(results, workspace) if chosen.ensemble else results
    student = plan_student(chosen, time_budget_minutes, seed, settings)
    results = with_student(results, student, views, workspace) if student else results
    reported = ReportedStages(
        dataset=record_of(data.dataset),
        verdict=record_of(data.verdict),
        views=record_of(views),
        audit=record_if_done(audit),
    )
    report = publish(run_facts(started, chosen, workspace), reported, results, promotion, workspace)
    prune_after_flow(settings, workspace)
    return end_run(report)


def end_run(report: Produced) -> Path:
    """Return the report's directory, under the state name "Nothing to do" where an earlier run had made it."""
    if not report.cached:
        return report.path
    page = report_page(report)
    message = f"Same data, code and choices as before: the report is {page}; force trains all the same."
    get_run_logger().info(message)
    return Completed(name=NOTHING_TO_DO, message=message, data=report.path)  # type: ignore[return-value]


def run_facts(started: float, preset: Preset, workspace: Workspace) -> RunFacts:
    """Return what the report says of the running flow; a server that ends with it is not linked to."""
    parameters, server = flow_run.parameters, PREFECT_API_URL.value()
    lasts = bool(server) and not ends_with_its_runs(server, workspace.root)
    return RunFacts(
        run_name=flow_run.name or "retrain",
        command=repeat_command(parameters),
        started_seconds=started,
        seed=parameters["seed"],
        preset=parameters["preset"],
        augmentation=preset.augment.model_dump(mode="json"),
        prefect_url=(flow_run.ui_url or "") if lasts else "",
    )
