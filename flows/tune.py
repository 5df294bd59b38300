"""Tune: from a data set to a preset file with the recipe that suits a variant best."""

import time
from pathlib import Path
from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from data.records.search import PRESET_NAME
from data.sources.source import parse_source
from data.system.hardware import default_parallel
from data.workspace.atomic import write_atomically
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.settings import load_settings
from flows.steps.prepare import DataChoices, prepare_data, short_source
from flows.steps.search_budget import SearchBudget, check_search
from flows.steps.training import plan_job
from flows.steps.trials import describe_search, plan_search, run_search
from models.catalog.presets import PresetChoice, load_preset
from models.catalog.variants import VariantName
from models.search.space import SearchSpace
from tasks.dataset.views import build_views
from tasks.publish.search import publish_search
from tasks.support.outcomes import record_of


def name_run() -> str:
    """Return a short name for the running flow."""
    parameters = flow_run.parameters
    return f"tune {parameters['variant']} on {short_source(parameters['source'])}"


@flow(name="tune", flow_run_name=name_run, log_prints=False)
def tune(
    source: str = "sample",
    variant: VariantName = "compact",
    preset: PresetChoice = "quick",
    trials: Annotated[int, Field(ge=1, le=1000)] = 20,
    minutes: Annotated[float, Field(gt=0, le=10_000)] = 60,
    trial_minutes: Annotated[float, Field(gt=0, le=10_000)] = 3,
    space: SearchSpace = SearchSpace(),
    parallel: Annotated[int, Field(ge=0, le=64)] = 0,
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 42,
    relabel: str = "",
    policies: RulePolicies = RulePolicies(),
    limits: DataLimits = DataLimits(),
    force: bool = False,
    out: str = "",
) -> Path:
    """Search the recipe of a variant by its accuracy on selection, and write the best as a preset file.

    Args:
        source: "sample", a folder, an archive's path or URL, or a Google Drive id or URL.
        variant: the network.
        preset: its views and the recipe to begin with; a built-in name or the path of a preset file.
        trials: recipes to try, those of an interrupted search with the same parameters included.
        minutes: most wall minutes in all; no trial begins that would not fit.
        trial_minutes: most minutes of training of one trial.
        space: what may be tried.
        parallel: trials at once; 0 takes one a core, at most two.
        seed: of parts, views, trainings and proposals.
        relabel: path of a relabel.csv with a person's corrections.
        policies: what is done where a rule is broken.
        limits: how many images a data set needs, and how unlike its classes may be in size.
        force: do every stage again and forget the trials of an earlier search.
        out: path of the preset file; the search's directory has one anyway.

    Returns:
        The directory of the search.
    """
    settings, chosen = load_settings(), load_preset(preset)
    check_search(minutes, trial_minutes, out)
    budget = SearchBudget(trials, minutes, trial_minutes, started=time.time())
    workspace = settings.open_workspace(force)
    parallel = min(parallel or default_parallel(), trials)
    data = prepare_data(DataChoices(parse_source(source), relabel, policies, limits, seed), workspace, settings)
    views = build_views(data.dataset, data.images, chosen.augment, chosen.views, seed, workspace)
    job = plan_job(variant, chosen, trial_minutes, seed, parallel, settings)
    search = plan_search(job, trial_minutes, views, space)
    found = run_search(search, budget, parallel, workspace)
    directory = record_of(publish_search(describe_search(search, found, data.dataset, preset), chosen, workspace)).path
    if out:
        write_atomically(Path(out), (directory / PRESET_NAME).read_text())
    return directory
