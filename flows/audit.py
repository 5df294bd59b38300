"""Flow `audit`: check all labels of a data set with networks that were not trained on them."""

from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from data.base.named_formats import FormatChoice
from data.sources.source import parse_source
from data.system.hardware import choose_parallel
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.logs import configure_logs
from flows.parameters import (
    AuditAnswers,
    Faces,
    Folds,
    Force,
    Parallel,
    Relabel,
    Repeats,
    Seed,
    Source,
    TimeBudget,
    Votes,
)
from flows.settings import load_settings
from flows.steps.prepare import (
    DataChoices,
    DataFormatChoice,
    Limits,
    Policies,
    prepare_data,
    require_file,
    short_source,
)
from flows.steps.training import plan_job, train_variants
from models.catalog.presets import PresetChoice, load_preset
from models.catalog.variants import VariantName
from tasks.dataset.folds import hold_out_fold
from tasks.dataset.views import build_views
from tasks.publish.label_audit import audit_cross_fitted
from tasks.support.earlier_attempts import crash_earlier_tasks
from tasks.support.outcomes import record_of


def name_run() -> str:
    """Build a short name of the running flow."""
    return f"audit {short_source(flow_run.parameters['source'])}"


@flow(name="audit", flow_run_name=name_run, log_prints=False, on_running=[crash_earlier_tasks])
def audit(
    source: Source = "sample",
    folds: Folds = 3,
    variant: VariantName = "compact",
    preset: PresetChoice = "quick",
    parallel: Parallel = 0,
    time_budget_minutes: TimeBudget = 0,
    seed: Seed = 42,
    relabel: Relabel = "",
    votes: Votes = "",
    answers: AuditAnswers = "",
    repeats: Repeats = 1,
    policies: Policies = RulePolicies(),
    limits: Limits = DataLimits(),
    data_format: DataFormatChoice = FormatChoice(),
    faces: Faces = "given",
    force: Force = False,
) -> Path:
    """Check every label of a data set by cross-fitting: one training for each fold, on the other folds.

    `flows.parameters` describes the parameters that flows share.

    Args:
        variant: The network.
        preset: Its views and recipe; a built-in name or the path of a preset file.

    Returns:
        The directory of the audit.
    """
    configure_logs()
    settings, chosen = load_settings(), load_preset(preset)
    require_file("--answers", answers)
    workspace = settings.open_workspace(force)
    parallel = choose_parallel(parallel, folds)
    asked = DataChoices(parse_source(source), relabel, policies, limits, seed, data_format, faces, votes)
    data = prepare_data(asked, workspace, settings)
    results = []
    for of_repeat in range(seed, seed + repeats):
        held_out = [hold_out_fold(data.dataset, fold, folds, of_repeat, workspace) for fold in range(1, folds + 1)]
        views = [
            build_views(fold, data.images, chosen.views_of(variant), seed, workspace, data.dask) for fold in held_out
        ]
        job = plan_job(variant, chosen, time_budget_minutes, of_repeat, parallel, settings).with_flips()
        results += train_variants([(job, of_fold) for of_fold in views], parallel, workspace)
    return record_of(audit_cross_fitted(results, data.images, data.dataset, workspace, answers)).path
