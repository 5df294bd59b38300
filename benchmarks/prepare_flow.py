"""Flow for `benchmarks.prepare`."""

from pathlib import Path

from prefect import flow

from data.sources.source import parse_source
from data.workspace.layout import IMAGES_FOLDER
from data.workspace.store import Workspace
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.settings import load_settings
from flows.steps.prepare import DataChoices, prepare_data
from models.catalog.presets import PRESETS
from tasks.dataset.views import build_views
from tasks.support.outcomes import record_of


@flow(name="prepare a benchmark", log_prints=False)
def prepare_views(source: str, preset: str, seed: int) -> tuple[Path, Path]:
    """Prepare a data set, build the preset's views, and return the folders of images and views."""
    settings, chosen = load_settings(), PRESETS[preset]
    workspace = Workspace(settings.workspace)
    data = prepare_data(DataChoices(parse_source(source), "", RulePolicies(), DataLimits(), seed), workspace, settings)
    views = build_views(data.dataset, data.images, chosen.shared_views, seed, workspace)
    return record_of(data.images).path / IMAGES_FOLDER, record_of(views).path
