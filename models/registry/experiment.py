"""Experiment in MLflow that has all runs: found, created, or taken out of MLflow's trash."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from data.base.errors import PipelineError
from models.registry.connection import EXPERIMENT, artifact_location, exists_already, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

logger = logging.getLogger(__name__)


def find_experiment(client: "MlflowClient", workspace: Path) -> str:
    """Find the id of the experiment; create it if it is missing, and restore it if a person deleted it.

    Raises:
        PipelineError: it was deleted and MLflow does not let us restore it.
    """
    found = client.get_experiment_by_name(EXPERIMENT) or _create(client, workspace)
    if found.lifecycle_stage == "deleted":
        _restore(client, workspace, found.experiment_id)
    return found.experiment_id


def _create(client: "MlflowClient", workspace: Path) -> "Experiment":
    from mlflow.exceptions import MlflowException

    try:
        return client.get_experiment(
            client.create_experiment(EXPERIMENT, artifact_location=artifact_location(workspace))
        )
    except MlflowException as error:  # another run was first
        found = client.get_experiment_by_name(EXPERIMENT) if exists_already(error) else None
        if found is None:
            raise
        return found


def _restore(client: "MlflowClient", workspace: Path, experiment: str) -> None:
    """Take the experiment and its runs out of the trash: nothing is lost, and a person can delete single runs again."""
    from mlflow.exceptions import MlflowException

    try:
        client.restore_experiment(experiment)
    except MlflowException as error:
        if client.get_experiment(experiment).lifecycle_stage == "active":  # another run was first
            return
        raise PipelineError(
            f"got the experiment {EXPERIMENT} in MLflow's trash, and MLflow refused to restore it "
            f"({str(error).strip()[:200]}), expected an active one: let an administrator of MLflow run "
            f"mlflow experiments restore --experiment-id {experiment}"
        ) from (None if "@" in tracking_uri(workspace) else error)
    logger.warning("the experiment %s was in MLflow's trash and is restored with its runs", EXPERIMENT)
