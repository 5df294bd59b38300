"""Workspaces in which nothing was done yet: looking for a champion gave them a mark, and perhaps an empty database."""

import sqlite3
from contextlib import closing
from pathlib import Path

from data.workspace.layout import MLFLOW_DATABASE, MLFLOW_FOLDER
from data.workspace.mark import MARK_NAME, OF_THE_SYSTEM
from data.workspace.registry_lock import LOCK_NAME

UNUSED = {MARK_NAME, f".{MARK_NAME}.lock", LOCK_NAME, MLFLOW_FOLDER, *OF_THE_SYSTEM}
"""All that such a workspace has; a run, a review and a server leave other names."""

COUNTED = ("runs", "logged_models", "registered_models")
"""Tables of MLflow that have no row before something was done."""


def is_unused(root: Path) -> bool:
    """Tell whether a workspace has nothing that could be lost, so that another one may take its place."""
    folder = root / MLFLOW_FOLDER
    others = {path.name for path in root.iterdir()} - UNUSED
    if others or not folder.exists():
        return not others
    names = {path.name for path in folder.iterdir()}
    database = {f"{MLFLOW_DATABASE}{ending}" for ending in ("", "-wal", "-shm")}
    return not names or (names <= database and _is_empty(folder / MLFLOW_DATABASE))


def _is_empty(database: Path) -> bool:
    """Tell whether MLflow recorded nothing; a database that is not as expected counts as one with records."""
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return not any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in COUNTED)
    except sqlite3.Error:
        return False
