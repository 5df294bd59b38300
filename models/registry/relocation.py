"""Paths of artifacts in the workspace's own MLflow database, which follow the workspace when it is moved.

MLflow stores the absolute path of every run, model and version, and knows no path that is relative to its database. So
a workspace that was moved, copied or mounted elsewhere would be read from, and written to, its former place.
"""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from data.workspace.layout import MLFLOW_DATABASE, MLFLOW_FOLDER

logger = logging.getLogger(__name__)

PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Tables of MLflow 3 and their columns with the path of artifacts."""

BUSY_SECONDS = 30.0


def follow_move(workspace: Path, experiment: str) -> None:
    """Correct the paths of artifacts if the workspace is not where its MLflow database was made.

    Only paths below the former `mlflow/artifacts` of this workspace are changed, all of them or none. If that fails,
    a line is logged, and MLflow keeps the paths that it has.

    Args:
        workspace: with the database; nothing happens if there is none.
        experiment: name of the experiment that says where the artifacts were.
    """
    folder = workspace.resolve() / MLFLOW_FOLDER
    database, here = folder / MLFLOW_DATABASE, (folder / "artifacts").as_uri()
    if not database.is_file():
        return
    try:
        with closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as connection, connection:
            former = _former_place(connection, experiment)
            if former and former != here:
                _replace(connection, former, here)
                logger.warning(
                    "the workspace was moved: paths in %s lead to %s now, before to %s", database, here, former
                )
    except sqlite3.Error as error:
        logger.warning("could not check the paths of artifacts in %s: %s", database, error)


def _former_place(connection: sqlite3.Connection, experiment: str) -> str:
    """Find where the artifacts were; empty if there are none yet, or if a person chose another place."""
    found = connection.execute("SELECT artifact_location FROM experiments WHERE name = ?", (experiment,)).fetchone()
    place = str(found[0]) if found else ""
    return place if place.startswith("file:///") and place.endswith(f"/{MLFLOW_FOLDER}/artifacts") else ""


def _replace(connection: sqlite3.Connection, former: str, here: str) -> None:
    for table, column in PLACES:
        connection.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {column} = ? OR substr({column}, 1, ?) = ?",
            (here, len(former) + 1, former, len(former) + 1, f"{former}/"),
        )
