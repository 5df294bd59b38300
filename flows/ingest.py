"""Ingest: a data set is downloaded, judged and cleaned; nothing is trained."""

from pathlib import Path
from typing import Annotated, NamedTuple

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from data.sources.source import DatasetSource, parse_source
from data.workspace.store import Produced, Workspace
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.logs import arrange_logs
from flows.settings import Settings, load_settings
from tasks.dataset.acquire import acquire_images
from tasks.dataset.correct_labels import correct_labels
from tasks.dataset.drift import compare_with_last
from tasks.dataset.inventory import take_inventory
from tasks.dataset.validate import validate_data
from tasks.dataset.verdict import accept_data, publish_verdict
from tasks.support.outcomes import record_of


def short_source(source: str) -> str:
    """Return the last part of a source, which tells data sets apart on a screen."""
    return source.partition("#")[0].rstrip("/").rsplit("/", 1)[-1]


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


class DataChoices(NamedTuple):
    """What a flow was asked of its data set: its parameters of these names."""

    source: DatasetSource
    relabel: str
    policies: RulePolicies
    limits: DataLimits
    seed: int


class PreparedData(NamedTuple):
    """The stages that a data set goes through before anything is trained on it."""

    images: Produced
    dataset: Produced
    verdict: Produced


def prepare_data(choices: DataChoices, workspace: Workspace, settings: Settings) -> PreparedData:
    """Return the images, the accepted data set and the verdict on it, as tasks of the running flow."""
    arrange_logs()
    source, policies = choices.source, choices.policies
    images = acquire_images(source, workspace, settings.download_settings(), settings.extract_limits())
    manifest = take_inventory(images, workspace)
    if choices.relabel:
        manifest = correct_labels(manifest, Path(choices.relabel), workspace)
    dataset = validate_data(manifest, source, policies, choices.seed, workspace, choices.limits)
    change = compare_with_last(dataset, manifest, source, policies.similar_to_last, workspace)
    verdict = publish_verdict(images, manifest, dataset, change, workspace)
    return PreparedData(images, accept_data(dataset, verdict, source, workspace), verdict)
