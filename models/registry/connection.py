"""Connection to MLflow: its URI, its timeouts, and its errors as errors of this project.

Importing mlflow takes seconds, so functions import it when they need it.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from data.base.errors import PipelineError, TransientError
from data.workspace.layout import MLFLOW_DATABASE, MLFLOW_FOLDER
from data.workspace.mark import claim_root
from models.registry.relocation import follow_move

if TYPE_CHECKING:
    from mlflow import MlflowClient


URI_VARIABLE = "MLFLOW_TRACKING_URI"

EXPERIMENT = "emotion"

MODEL_NAME = "emotion"

CREDENTIALS = re.compile(r"//[^/\s]*@")

MLFLOW_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "300",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
"""Settings that turn MLflow's telemetry off and make it give up on an unreachable server within seconds. A variable
that is set already is kept, except for the first."""


def tracking_uri(workspace: Path) -> str:
    """Find the store of runs and models: MLFLOW_TRACKING_URI, else a SQLite database in the workspace."""
    return os.environ.get(URI_VARIABLE) or f"sqlite:///{_database(workspace)}"


def own_database(workspace: Path) -> Path | None:
    """Find where the workspace's own database is, or would be; None if MLFLOW_TRACKING_URI names another store."""
    return None if os.environ.get(URI_VARIABLE) else _database(workspace)


def store_exists(workspace: Path) -> bool:
    """Tell whether there is an MLflow to ask: one that MLFLOW_TRACKING_URI names, or a database in the workspace."""
    return bool(os.environ.get(URI_VARIABLE)) or _database(workspace).exists()


def _database(workspace: Path) -> Path:
    return workspace.resolve() / MLFLOW_FOLDER / MLFLOW_DATABASE


def artifact_location(workspace: Path) -> str | None:
    """Find the folder of artifacts in the workspace; None if the server in MLFLOW_TRACKING_URI has its own."""
    return None if os.environ.get(URI_VARIABLE) else (workspace.resolve() / MLFLOW_FOLDER / "artifacts").as_uri()


def shown_uri(uri: str) -> str:
    """Remove the password from a URI, for messages and records."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def name_store(workspace: Path) -> str:
    """Name the store of runs for records: its URI without a password, or for the workspace's own database its place
    inside the workspace, which stays true when the workspace is moved."""
    database = own_database(workspace)
    if database is None:
        return shown_uri(tracking_uri(workspace))
    return f"sqlite:///{database.relative_to(workspace.resolve())}"


def connect(workspace: Path) -> "MlflowClient":
    """Connect to the tracking store, which is also the registry; a database in the workspace is created if needed."""
    configure_environment()
    uri = tracking_uri(workspace)
    if not os.environ.get(URI_VARIABLE):
        claim_root(workspace.resolve())
        (workspace / MLFLOW_FOLDER).mkdir(exist_ok=True)
    from mlflow import MlflowClient

    with mlflow_errors(uri):
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    if not os.environ.get(URI_VARIABLE):
        follow_move(workspace, EXPERIMENT)
    return client


def configure_environment() -> None:
    """Set the variables that MLflow reads when it is imported."""
    for name, value in MLFLOW_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"


@contextmanager
def mlflow_errors(uri: str) -> Iterator[None]:
    """Turn every error of MLflow, its database and its server inside the block into one error.

    Raises:
        TransientError: MLflow is unreachable, or refused the request.
    """
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except PipelineError:
        raise
    except (MlflowException, RequestException, SQLAlchemyError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        message = (
            f"got no usable answer from MLflow at {shown_uri(uri)} ({CREDENTIALS.sub('//', reason)}): check "
            f"that it runs and that {URI_VARIABLE} is right, then try again"
        )
        secret = shown_uri(uri) != uri  # a traceback would show the password
        raise TransientError(message) from (None if secret else error)


def is_missing(error: Exception) -> bool:
    """Check whether MLflow's error says that something does not exist."""
    return getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST"


def exists_already(error: Exception) -> bool:
    """Check whether MLflow's error says that something exists already."""
    return getattr(error, "error_code", "") in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS")
