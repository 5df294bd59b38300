"""Flow `tune`: from a data set to a preset file with the best recipe found for a variant."""

import time
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from data.base.named_formats import FormatChoice
from data.records.search import PRESET_NAME
from data.sources.source import parse_source
from data.system.hardware import choose_parallel
from data.workspace.atomic import write_atomically
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.logs import configure_logs
from flows.parameters import Faces, Force, Minutes, Parallel, Relabel, Seed, Source, TrialMinutes, Trials, Votes
from flows.settings import load_settings
from flows.steps.prepare import DataChoices, DataFormatChoice, Limits, Policies, prepare_data, short_source
from flows.steps.search_budget import SearchBudget, check_search
from flows.steps.training import plan_job
from flows.steps.trials import describe_search, plan_search, run_search
from models.catalog.presets import PresetChoice, load_preset
from models.catalog.variants import VariantName
from models.search.space import SearchSpace
from tasks.dataset.views import build_views
from tasks.publish.search import publish_search
from tasks.support.earlier_attempts import crash_earlier_tasks
from tasks.support.outcomes import record_of


def name_run() -> str:
    """Build a short name of the running flow."""
    parameters = flow_run.parameters
    return f"tune {parameters['variant']} on {short_source(parameters['source'])}"


@flow(name="tune", flow_run_name=name_run, log_prints=False, on_running=[crash_earlier_tasks])
def tune(
    source: Source = "sample",
    variant: VariantName = "compact",
    preset: PresetChoice = "quick",
    trials: Trials = 20,
    minutes: Minutes = 60,
    trial_minutes: TrialMinutes = 3,
    space: SearchSpace = SearchSpace(),
    parallel: Parallel = 0,
    seed: Seed = 42,
    relabel: Relabel = "",
    votes: Votes = "",
    policies: Policies = RulePolicies(),
    limits: Limits = DataLimits(),
    data_format: DataFormatChoice = FormatChoice(),
    faces: Faces = "given",
    force: Force = False,
    out: str = "",
) -> Path:
    """Search the recipe of a variant with the best accuracy on selection, and write it as a preset file.

    `flows.parameters` describes the parameters that flows share.

    Args:
        variant: The network.
        preset: Its views and the recipe to start from; a built-in name or the path of a preset file.
        space: What may be tried.
        out: Path of a new preset file; the directory of the search has one anyway.

    Returns:
        The directory of the search.
    """
    configure_logs()
    settings, chosen = load_settings(), load_preset(preset)
    check_search(minutes, trial_minutes, out, settings.workspace)
    budget = SearchBudget(trials, minutes, trial_minutes, started=time.time())
    workspace = settings.open_workspace(force)
    parallel = choose_parallel(parallel, trials)
    asked = DataChoices(parse_source(source), relabel, policies, limits, seed, data_format, faces, votes)
    data = prepare_data(asked, workspace, settings)
    views = build_views(data.dataset, data.images, chosen.views_of(variant), seed, workspace, data.dask)
    job = plan_job(variant, chosen, trial_minutes, seed, parallel, settings)
    search = plan_search(job, trial_minutes, views, space)
    found = run_search(search, budget, parallel, workspace)
    directory = record_of(publish_search(describe_search(search, found, data.dataset, preset), chosen, workspace)).path
    if out:
        write_atomically(Path(out), (directory / PRESET_NAME).read_text())
    return directory
