"""Pruning of MLflow: remove this workspace's runs whose report left it, except those behind a version of the model."""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from data.workspace.layout import MLFLOW_FOLDER, TRACKED_STAGE
from data.workspace.prune import KindCount
from models.jobs.files import RESULT_NAME
from models.registry.connection import (
    EXPERIMENT,
    MODEL_NAME,
    URI_VARIABLE,
    connect,
    mlflow_errors,
    store_exists,
    tracking_uri,
)
from models.registry.tags import REPORT_TAG, WORKSPACE_TAG
from models.registry.tracking import TrackedReport

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

logger = logging.getLogger(__name__)

KIND = "MLflow runs"
PAGE = 1000


class MlflowPruner:
    """Removes the MLflow runs of a workspace's reports, as `data.workspace.prune.RunPruner`.

    A run belongs to the workspace if its tag has the workspace's id. Runs of earlier versions have no such tag: they
    belong to it if the workspace has the record of writing them. Runs of other workspaces and of other people stay, and
    so does everything that a person moved to MLflow's trash.

    In the workspace's own database the runs are removed with their files. In another MLflow they are only marked as
    deleted, and its operator frees the space with `mlflow gc`.

    Args:
        workspace: the workspace with the reports. Make this object before the workspace is pruned, because pruning
            also removes the records of writing.
        workspace_id: its id.
    """

    def __init__(self, workspace: Path, workspace_id: str) -> None:
        self.workspace, self.workspace_id = Path(workspace), workspace_id
        self.written = find_written_runs(self.workspace)

    def __call__(self, kept: frozenset[str], dry_run: bool) -> KindCount:
        """Remove the runs whose report no longer exists.

        Args:
            kept: keys of all stages that stay, those of the reports among them.
            dry_run: count only.

        Raises:
            TransientError: MLflow is unreachable.
        """
        if not store_exists(self.workspace):
            return KindCount(KIND, 0, 0, 0, 0, {})
        client = connect(self.workspace)
        with mlflow_errors(tracking_uri(self.workspace)):
            runs = [run for run in _read_runs(client) if self._is_ours(run)]
            registered = _registered_runs(client, runs)
            gone = [run for run in runs if run.data.tags.get(REPORT_TAG) not in kept | registered]
            if not dry_run:
                for run in gone:
                    self._remove(client, run)
        reasons = {"a version of the model": sum(run.data.tags.get(REPORT_TAG) in registered for run in runs)}
        stay = len(runs) - len(gone)
        reasons["kept reports"] = stay - reasons["a version of the model"]
        return KindCount(KIND, len(gone), 0, stay, 0, {reason: count for reason, count in reasons.items() if count})

    def _is_ours(self, run: "Run") -> bool:
        owner = run.data.tags.get(WORKSPACE_TAG)
        return owner == self.workspace_id if owner else run.info.run_id in self.written

    def _remove(self, client: "MlflowClient", run: "Run") -> None:
        """Remove a run after its models: if a kill comes between, the next pruning finds the run."""
        wanted = f"source_run_id = '{run.info.run_id}'"
        models = list(client.search_logged_models([run.info.experiment_id], filter_string=wanted))
        if os.environ.get(URI_VARIABLE):
            for model in models:
                client.delete_logged_model(model.model_id)
            client.delete_run(run.info.run_id)
        else:
            remove_for_good(self.workspace, run, models)


def remove_for_good(workspace: Path, run: "Run", models: list["LoggedModel"]) -> None:
    """Remove a run and its models from the workspace's own database, and their files.

    `mlflow gc` cannot do this: whatever ids it gets, it also removes everything else that was marked as deleted.
    """
    from mlflow.tracking._tracking_service.utils import _get_store

    store: Any = _get_store(tracking_uri(workspace))  # its methods for `mlflow gc` are not in MLflow's public classes
    for model in models:
        _remove_files(workspace, model.artifact_location, model.model_id)
        store._hard_delete_logged_model(model.model_id)
    _remove_files(workspace, run.info.artifact_uri or "", run.info.run_id)
    store._hard_delete_run(run.info.run_id)


def _remove_files(workspace: Path, location: str, owner: str) -> None:
    """Remove the files of a run or a model if they are in the workspace's own folder of artifacts."""
    artifacts = (workspace / MLFLOW_FOLDER / "artifacts").resolve()
    folder = Path(unquote(urlsplit(location).path)).resolve()
    if artifacts not in folder.parents or owner not in folder.parts:
        logger.warning("the files of %s at %s are not in %s; they stay", owner, location or "no place", artifacts)
        return
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
    with suppress(OSError):
        folder.parent.rmdir()  # MLflow made it for this run or model alone


def find_written_runs(workspace: Path) -> frozenset[str]:
    """List the ids of the runs that this workspace's stages of tracked reports name."""
    found: set[str] = set()
    for path in (workspace / TRACKED_STAGE).glob(f"[!.]*/{RESULT_NAME}"):
        try:
            tracked = TrackedReport.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            logger.warning("%s cannot be read (%s); the MLflow runs that it names stay", path, error)
        else:
            found |= {tracked.run_id, *(variant.run_id for variant in tracked.variants.values())}
    return frozenset(found)


def _read_runs(client: "MlflowClient") -> Iterator["Run"]:
    """Yield the runs of this project's experiment that have the tag of a report."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    token = None
    while experiment:
        page = client.search_runs([experiment.experiment_id], max_results=PAGE, page_token=token)
        yield from (run for run in page if REPORT_TAG in run.data.tags)
        token = page.token
        if not token:
            return


def _registered_runs(client: "MlflowClient", runs: list["Run"]) -> frozenset[str]:
    """List the keys of the reports behind the versions of the models."""
    of_versions: set[str] = set()
    token = None
    while True:
        page = client.search_model_versions(f"name LIKE '{MODEL_NAME}%'", max_results=PAGE, page_token=token)
        of_versions |= {version.run_id for version in page if version.run_id}
        token = page.token
        if not token:
            return frozenset(run.data.tags[REPORT_TAG] for run in runs if run.info.run_id in of_versions)
