"""Ingest: a data set is downloaded, judged and cleaned; nothing is trained."""

from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from data.clean import CleaningPolicy
from data.source import DatasetSource, parse_source
from data.workspace import Produced, Workspace
from flows.settings import Settings
from tasks.download import acquire_images
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
    source: str = "sample", cleaning: CleaningPolicy = CleaningPolicy(), seed: int = 42, force: bool = False
) -> Path:
    """Download and validate a data set.

    Args:
        source: "sample", a folder, an archive's path or URL, or a Google Drive id or URL.
        cleaning: which images are set aside.
        seed: of the part that is carved from train.
        force: do every stage again.

    Returns:
        The directory of the judged data set.
    """
    settings = Settings()
    workspace = Workspace(settings.workspace, force=force)
    _, dataset = prepare_data(parse_source(source), cleaning, seed, workspace, settings)
    return record_of(dataset).path


def prepare_data(
    source: DatasetSource, cleaning: CleaningPolicy, seed: int, workspace: Workspace, settings: Settings
) -> tuple[Produced, Produced]:
    """Return the images and the judged data set of a source, as tasks of the running flow."""
    images = acquire_images(source, workspace, settings.download_settings())
    manifest = take_inventory(images, workspace)
    return images, validate_data(manifest, source, cleaning, seed, workspace)
