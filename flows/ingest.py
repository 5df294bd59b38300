"""Ingest: a data set is downloaded, judged and cleaned; nothing is trained."""

from pathlib import Path
from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from data.source import DatasetSource, parse_source
from data.workspace import Produced, Workspace
from expectations.policies import RulePolicies
from flows.settings import Settings
from tasks.download import acquire_images
from tasks.drift import compare_with_last
from tasks.inventory import take_inventory
from tasks.stages import record_of
from tasks.validate import validate_data


def short_source(source: str) -> str:
    """Return the last part of a source, which tells data sets apart on a screen."""
    return source.partition("#")[0].rstrip("/").rsplit("/", 1)[-1]


def name_run() -> str:
    """Return a short name for the running flow."""
    return f"ingest {short_source(flow_run.parameters['source'])}"


@flow(name="ingest", flow_run_name=name_run, log_prints=False)
def ingest(
    source: str = "sample",
    policies: RulePolicies = RulePolicies(),
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 42,
    force: bool = False,
) -> Path:
    """Download and validate a data set.

    Args:
        source: "sample", a folder, an archive's path or URL, or a Google Drive id or URL.
        policies: what is done where a rule is broken.
        seed: of the part that is carved from train.
        force: do every stage again.

    Returns:
        The directory of the judged data set.
    """
    settings = Settings()
    workspace = Workspace(settings.workspace, force=force)
    _, dataset = prepare_data(parse_source(source), policies, seed, workspace, settings)
    return record_of(dataset).path


def prepare_data(
    source: DatasetSource, policies: RulePolicies, seed: int, workspace: Workspace, settings: Settings
) -> tuple[Produced, Produced]:
    """Return the images and the judged data set of a source, as tasks of the running flow."""
    images = acquire_images(source, workspace, settings.download_settings())
    manifest = take_inventory(images, workspace)
    dataset = validate_data(manifest, source, policies, seed, workspace)
    return images, compare_with_last(dataset, source, workspace)
