"""Flow `retrain`: from a data set to a comparison report."""

import time
from pathlib import Path

from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed

from data.base.named_formats import FormatChoice
from data.sources.source import parse_source
from data.system.hardware import choose_parallel
from data.workspace.store import Produced, Workspace
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.logs import configure_logs
from flows.parameters import (
    Faces,
    Force,
    Parallel,
    Pool,
    Relabel,
    Seed,
    Seeds,
    Source,
    Target,
    TimeBudget,
    Truth,
    Votes,
)
from flows.server.shared import ends_with_its_runs
from flows.settings import load_settings
from flows.steps.prepare import DataChoices, DataFormatChoice, Limits, Policies, prepare_data, short_source
from flows.steps.publish import prune_after_flow, publish
from flows.steps.repeat_command import repeat_command
from flows.steps.training import (
    build_all_views,
    find_elsewhere,
    plan_job,
    plan_student,
    train_repeats,
    with_ensemble,
    with_short_views,
    with_student,
)
from flows.steps.votes_check import check_votes
from models.catalog.presets import Preset, PresetChoice, load_preset, with_target
from models.catalog.seeds import training_seeds
from models.catalog.variants import OwnVariantName, VariantName
from models.promotion.policy import PromotionPolicy
from tasks.publish.label_audit import audit_variant_labels
from tasks.publish.run_results import ReportedStages, RunFacts
from tasks.publish.truths import load_truth
from tasks.support.earlier_attempts import crash_earlier_tasks
from tasks.support.links import report_page
from tasks.support.outcomes import record_if_done, record_of

NOTHING_TO_DO = "Nothing to do"


def name_run() -> str:
    """Build a short name of the running flow from its preset and the last part of its source."""
    parameters = flow_run.parameters
    return f"{short_preset(parameters['preset'])} on {short_source(parameters['source'])}"


def short_preset(preset: str) -> str:
    """Return the name of a built-in preset, or of a preset file without folder and extension."""
    return Path(preset).stem


@flow(name="retrain", flow_run_name=name_run, log_prints=False, on_running=[crash_earlier_tasks])
def retrain(
    source: Source = "sample",
    preset: PresetChoice = "quick",
    variants: list[VariantName] = [],  # noqa: B006 - the UI's form wants a concrete default; never changed
    own_variants: list[OwnVariantName] = [],  # noqa: B006
    parallel: Parallel = 0,
    time_budget_minutes: TimeBudget = 0,
    seed: Seed = 42,
    seeds: Seeds = 1,
    relabel: Relabel = "",
    votes: Votes = "",
    target: Target = "preset",
    truth: Truth = "published",
    policies: Policies = RulePolicies(),
    limits: Limits = DataLimits(),
    data_format: DataFormatChoice = FormatChoice(),
    faces: Faces = "given",
    promotion: PromotionPolicy = PromotionPolicy(),
    on: Pool = "",
    force: Force = False,
) -> Path:
    """Retrain every variant on a data set and publish the comparison.

    `flows.parameters` describes the parameters that flows share.

    Args:
        preset: Which variants, views and recipes; a built-in name or the path of a preset file.
        variants: Trained instead of the preset's own.
        own_variants: Networks of your own, module:function or the name of an entry point; trained beside `variants`.
        promotion: What a variant must meet before it becomes the champion.

    Returns:
        The report's directory.
    """
    configure_logs()
    settings, chosen, started = load_settings(), with_target(load_preset(preset), target), time.time()
    workspace = settings.open_workspace(force)
    names, train_seeds = [*variants, *own_variants] or chosen.variants, training_seeds(seed, seeds)
    check_votes(votes, chosen, names, truth)
    parallel = choose_parallel(parallel, len(names) * seeds)
    elsewhere = find_elsewhere(on, settings, force)
    asked = DataChoices(parse_source(source), relabel, policies, limits, seed, data_format, faces, votes)
    data = prepare_data(asked, workspace, settings)
    load_truth(record_of(data.dataset), truth)  # ends the run before its trainings if there is no such truth
    shared_views, views = build_all_views(names, chosen, data, seed, workspace)
    jobs = [plan_job(name, chosen, time_budget_minutes, seed, parallel, settings) for name in names]
    jobs = with_short_views(jobs, chosen, data, seed, workspace) if time_budget_minutes else jobs
    results = train_repeats(jobs, train_seeds, views, parallel, workspace, elsewhere)
    audit = audit_variant_labels(results, data.images, data.dataset, workspace, return_state=True)
    results = with_ensemble(results, workspace) if chosen.ensemble else results
    student = plan_student(chosen, time_budget_minutes, seed, settings)
    results = with_student(results, student, shared_views, workspace) if student else results
    reported = ReportedStages(
        dataset=record_of(data.dataset),
        verdict=record_of(data.verdict),
        views=record_of(shared_views),
        audit=record_if_done(audit),
        truth=truth,
    )
    report = publish(run_facts(started, chosen, workspace), reported, results, promotion, workspace)
    prune_after_flow(settings, workspace)
    return end_run(report)


def end_run(report: Produced) -> Path:
    """Return the report's directory; the run's state is "Nothing to do" if an earlier run wrote the report."""
    if not report.cached:
        return report.path
    page = report_page(report)
    message = f"Same data, code and parameters as before: the report is {page}. Use force to train anyway."
    get_run_logger().info(message)
    return Completed(name=NOTHING_TO_DO, message=message, data=report.path)  # type: ignore[return-value]


def run_facts(started: float, preset: Preset, workspace: Workspace) -> RunFacts:
    """Collect the facts on the running flow for the report; a server that ends with the flow gets no link."""
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
