"""Flow `ingest`: download, validate and clean a data set, without training."""

from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from data.base.named_formats import FormatChoice
from data.sources.source import parse_source
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.logs import configure_logs
from flows.parameters import Faces, Force, Relabel, Seed, Source, Votes
from flows.settings import load_settings
from flows.steps.prepare import DataChoices, DataFormatChoice, Limits, Policies, prepare_data, short_source
from tasks.support.earlier_attempts import crash_earlier_tasks
from tasks.support.outcomes import record_of


def name_run() -> str:
    """Build a short name of the running flow."""
    return f"ingest {short_source(flow_run.parameters['source'])}"


@flow(name="ingest", flow_run_name=name_run, log_prints=False, on_running=[crash_earlier_tasks])
def ingest(
    source: Source = "sample",
    relabel: Relabel = "",
    votes: Votes = "",
    policies: Policies = RulePolicies(),
    limits: Limits = DataLimits(),
    data_format: DataFormatChoice = FormatChoice(),
    faces: Faces = "given",
    seed: Seed = 42,
    force: Force = False,
) -> Path:
    """Download and validate a data set.

    `flows.parameters` describes the parameters, except for `policies`, `limits` and `data_format`, which
    `flows.steps.prepare` describes.

    Returns:
        The directory of the verdict.
    """
    configure_logs()
    settings = load_settings()
    workspace = settings.open_workspace(force)
    asked = DataChoices(parse_source(source), relabel, policies, limits, seed, data_format, faces, votes)
    data = prepare_data(asked, workspace, settings)
    return record_of(data.verdict).path
