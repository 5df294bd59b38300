"""Lookup of a version's number and tags without importing MLflow, for processes that ask every few seconds.

MLflow takes seconds to import. The workspace's own database is read directly; a registry that MLFLOW_TRACKING_URI
names, and a database of another layout, are asked through MLflow.
"""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from data.base.errors import PipelineError
from models.registry.connection import MODEL_NAME, own_database
from models.registry.journal import NO_VERSION
from models.registry.versions import CHAMPION, VersionStore

logger = logging.getLogger(__name__)

BUSY_SECONDS = 5.0


class FoundVersion(NamedTuple):
    """A version of a registered model."""

    version: int
    """Its number; 0 if there is none."""
    tags: dict[str, str]


NOTHING = FoundVersion(NO_VERSION, {})


def find_version(workspace: Path, model: str = MODEL_NAME, version: int = 0) -> FoundVersion:
    """Find a version with its tags.

    Args:
        workspace: contains the registry, unless MLFLOW_TRACKING_URI names another one.
        model: name of the registered model.
        version: its number; 0 is the champion.

    Returns:
        The version; number 0 without tags if there is no champion, or no registry yet.

    Raises:
        PipelineError: no version has this number.
        TransientError: MLflow is unreachable.
    """
    database = own_database(workspace)
    if database is None:
        return _ask_mlflow(workspace, model, version)
    if not database.is_file():
        return _require(NOTHING, model, version)
    try:
        return _require(_read(database, model, version), model, version)
    except sqlite3.Error as error:
        logger.info("%s is read through MLflow: %s", database, error)
        return _ask_mlflow(workspace, model, version)


def _ask_mlflow(workspace: Path, model: str, version: int) -> FoundVersion:
    store = VersionStore(workspace, model)
    number = version or store.champion()
    return FoundVersion(number, store.show(number).tags) if number else NOTHING


def _read(database: Path, model: str, version: int) -> FoundVersion:
    uri = f"{database.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as connection:
        number = version or _one(
            connection, "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?", model, CHAMPION
        )
        found = _one(connection, "SELECT version FROM model_versions WHERE name = ? AND version = ?", model, number)
        rows = connection.execute(
            "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?", (model, found)
        )
        return FoundVersion(found, dict(rows.fetchall())) if found else NOTHING


def _one(connection: sqlite3.Connection, query: str, *values: str | int) -> int:
    found = connection.execute(query, values).fetchone()
    return int(found[0]) if found else NO_VERSION


def _require(found: FoundVersion, model: str, version: int) -> FoundVersion:
    if version and found.version != version:
        raise PipelineError(
            f"got version {version} of the model {model}, expected a number that emotion models list shows"
        )
    return found
