"""Prepare the data of a run: from its source to the verdict and the clean data set."""

from pathlib import Path
from typing import NamedTuple

from data.sources.source import DatasetSource
from data.workspace.store import Produced, Workspace
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.logs import arrange_logs
from flows.settings import Settings
from tasks.dataset.acquire import acquire_images
from tasks.dataset.correct_labels import correct_labels
from tasks.dataset.drift import compare_with_last
from tasks.dataset.manifest import build_manifest
from tasks.dataset.validate import validate_data
from tasks.dataset.verdict import accept_data, publish_verdict


def short_source(source: str) -> str:
    """Return the last part of a source, which tells data sets apart on a screen."""
    return source.partition("#")[0].rstrip("/").rsplit("/", 1)[-1]


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
    manifest = build_manifest(images, workspace)
    if choices.relabel:
        manifest = correct_labels(manifest, Path(choices.relabel), workspace)
    dataset = validate_data(manifest, source, policies, choices.seed, workspace, choices.limits)
    change = compare_with_last(dataset, manifest, source, policies.similar_to_last, workspace)
    verdict = publish_verdict(images, manifest, dataset, change, workspace)
    return PreparedData(images, accept_data(dataset, verdict, source, workspace), verdict)
