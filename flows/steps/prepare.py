"""Preparation of a run's data: from the source to the verdict and the clean data set."""

from pathlib import Path
from typing import Annotated, NamedTuple

from data.base.errors import PipelineError
from data.base.named_formats import FormatChoice
from data.sources.folder_names import choose_carved
from data.sources.secrets import mask_secrets
from data.sources.source import DatasetSource
from data.workspace.store import Produced, Workspace
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.parameters import Faces, Help
from flows.settings import Settings
from tasks.dataset.acquire import acquire_images, load_folder_names
from tasks.dataset.add_votes import add_votes
from tasks.dataset.correct_labels import correct_labels
from tasks.dataset.crop_faces import crop_faces
from tasks.dataset.drift import compare_with_last
from tasks.dataset.manifest import build_manifest
from tasks.dataset.validate import validate_data
from tasks.dataset.verdict import accept_data, publish_verdict
from tasks.support.outcomes import record_of

Policies = Annotated[RulePolicies, Help("What is done if a rule is broken.")]
DataFormatChoice = Annotated[
    FormatChoice, Help("Labels, size and colour of the data set; the default is four classes of 48x48 gray pixels.")
]
Limits = Annotated[
    DataLimits, Help("How many images a data set needs, and how many times larger one class may be than another.")
]


def short_source(source: str) -> str:
    """Return the last part of a source, as a short name of the data set."""
    return mask_secrets(source).partition("#")[0].rstrip("/").rsplit("/", 1)[-1]


def require_file(option: str, path: str) -> None:
    """Refuse an option that names no file, before work is done that would be of no use without it.

    Args:
        option: as a person gave it.
        path: of the file; empty if the option was not given.
    """
    if path and not Path(path).expanduser().is_file():
        raise PipelineError(f"got {option} {path}, expected the path of a file: correct the path")


class DataChoices(NamedTuple):
    """Parameters of a flow that concern its data set."""

    source: DatasetSource
    relabel: str
    policies: RulePolicies
    limits: DataLimits
    seed: int
    data_format: FormatChoice = FormatChoice()
    faces: Faces = "given"
    votes: str = ""


class PreparedData(NamedTuple):
    """Stages of a data set before training, and who makes its views."""

    images: Produced
    dataset: Produced
    verdict: Produced
    dask: str = ""
    """Address of Dask's scheduler; empty: this host."""


def prepare_data(choices: DataChoices, workspace: Workspace, settings: Settings) -> PreparedData:
    """Run the tasks that download, check and clean a data set, inside the running flow.

    Returns:
        The images, the accepted data set and the verdict.

    Raises:
        PipelineError: a file of votes or corrections is missing; before anything is downloaded.
    """
    require_file("--votes", choices.votes)
    require_file("--relabel", choices.relabel)
    source, policies = choices.source, choices.policies
    choice, seed = choices.data_format, choices.seed
    images = acquire_images(
        source, choice.class_names(), workspace, settings.download_settings(), settings.extract_limits()
    )
    if choices.faces == "find":
        images = crop_faces(record_of(images), choice, workspace)
    carved = choose_carved(load_folder_names(record_of(images)), choice.carve_test)
    manifest = build_manifest(images, workspace, carved, seed, settings.dask)
    if choices.votes:
        manifest = add_votes(manifest, Path(choices.votes), workspace, choice)
    if choices.relabel:
        manifest = correct_labels(manifest, Path(choices.relabel), workspace, choice)
    dataset = validate_data(manifest, source, policies, seed, workspace, choices.limits, choice)
    change = compare_with_last(dataset, manifest, source, policies.similar_to_last, workspace)
    verdict = publish_verdict(images, manifest, dataset, change, workspace)
    return PreparedData(images, accept_data(dataset, verdict, source, workspace), verdict, settings.dask)
