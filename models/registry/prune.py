"""Pruning of MLflow: remove runs whose report left the workspace, except those behind a version of the model."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from data.base.errors import TransientError
from data.workspace.layout import MLFLOW_FOLDER
from data.workspace.prune import KindCount
from models.registry.connection import EXPERIMENT, MODEL_NAME, URI_VARIABLE, connect, mlflow_errors, tracking_uri
from models.registry.tags import REPORT_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

KIND = "MLflow runs"
PAGE = 1000
GC_SECONDS = 600


class MlflowPruner:
    """Removes the MLflow runs of a workspace's reports, as `data.workspace.prune.RunPruner`.

    In the workspace's own database they are removed with their files. In another MLflow they are only marked as
    deleted, and its operator frees the space with `mlflow gc`.

    Args:
        workspace: the workspace with the reports.
    """

    def __init__(self, workspace: Path) -> None:
        self.workspace = Path(workspace)

    def __call__(self, kept: frozenset[str], dry_run: bool) -> KindCount:
        """Remove the runs whose report no longer exists.

        Args:
            kept: keys of all stages that stay, those of the reports among them.
            dry_run: count only.

        Raises:
            TransientError: MLflow is unreachable.
        """
        if not self._exists():
            return KindCount(KIND, 0, 0, 0, 0, {})
        client = connect(self.workspace)
        with mlflow_errors(tracking_uri(self.workspace)):
            runs = list(_read_runs(client))
            registered = _registered_runs(client, runs)
            gone = [run for run in runs if run.data.tags.get(REPORT_TAG) not in kept | registered]
            if gone and not dry_run:
                self._remove(client, gone)
        reasons = {"a version of the model": sum(run.data.tags.get(REPORT_TAG) in registered for run in runs)}
        stay = len(runs) - len(gone)
        reasons["kept reports"] = stay - reasons["a version of the model"]
        return KindCount(KIND, len(gone), 0, stay, 0, {reason: count for reason, count in reasons.items() if count})

    def _exists(self) -> bool:
        """Check whether an MLflow exists; pruning does not create one."""
        return bool(os.environ.get(URI_VARIABLE)) or (self.workspace / MLFLOW_FOLDER / "mlflow.db").exists()

    def _remove(self, client: "MlflowClient", gone: list["Run"]) -> None:
        for run in gone:
            for model in client.search_logged_models(
                [run.info.experiment_id], filter_string=f"source_run_id = '{run.info.run_id}'"
            ):
                client.delete_logged_model(model.model_id)
            client.delete_run(run.info.run_id)
        if not os.environ.get(URI_VARIABLE):
            collect_garbage(tracking_uri(self.workspace))


def collect_garbage(uri: str) -> None:
    """Remove everything that is marked as deleted in a database, and its files.

    Raises:
        TransientError: MLflow's command failed; the marks stay, and the next pruning removes it.
    """
    command = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", uri]
    environment = {**os.environ, URI_VARIABLE: uri}
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=GC_SECONDS, check=False)
    if outcome.returncode:
        raise TransientError(f"mlflow gc ended with {outcome.returncode}: {outcome.stderr.strip()[-500:]}")


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
    """List the keys of the reports behind the versions of the model."""
    versions = client.search_model_versions(f"name = '{MODEL_NAME}'", max_results=PAGE)
    of_versions = {version.run_id for version in versions}
    return frozenset(run.data.tags[REPORT_TAG] for run in runs if run.info.run_id in of_versions)
