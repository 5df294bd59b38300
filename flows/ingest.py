"""Ingest: a data set is downloaded, judged and cleaned; nothing is trained."""

from pathlib import Path
from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from data.sources.source import parse_source
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.settings import load_settings
from flows.steps.prepare import DataChoices, prepare_data, short_source
from tasks.support.outcomes import record_of


def name_run() -> str:
    """Return a short name for the running flow."""
    return f"ingest {short_source(flow_run.parameters['source'])}"


@flow(name="ingest", flow_run_name=name_run, log_prints=False)
def ingest(
    source: str = "sample",
    relabel: str = "",
    policies: RulePolicies = RulePolicies(),
    limits: DataLimits = DataLimits(),
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 42,
    force: bool = False,
) -> Path:
    """Download and validate a data set.

    Args:
        source: "sample", a folder, an archive's path or URL, or a Google Drive id or URL.
        relabel: path of a relabel.csv with a person's corrections.
        policies: what is done where a rule is broken.
        limits: how many images a data set needs, and how unlike its classes may be in size.
        seed: of the part that is carved from train.
        force: do every stage again.

    Returns:
        The directory of the verdict.
    """
    settings = load_settings()
    workspace = settings.open_workspace(force)
    data = prepare_data(DataChoices(parse_source(source), relabel, policies, limits, seed), workspace, settings)
    return record_of(data.verdict).path
