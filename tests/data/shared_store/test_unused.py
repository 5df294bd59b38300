"""Workspaces in which nothing was done: told apart from those that have something to lose."""

import sqlite3
from contextlib import closing

import pytest

from data.shared_store.unused import is_unused
from data.workspace.mark import claim_root
from models.registry.champion import ModelRegistry


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Content of a database in which MLflow recorded nothing."""
    root = tmp_path_factory.mktemp("asked")
    ModelRegistry(root).champion()
    assert is_unused(root)
    return (root / "mlflow" / "mlflow.db").read_bytes()


@pytest.fixture
def root(tmp_path, database):
    claim_root(tmp_path)
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "mlflow.db").write_bytes(database)
    return tmp_path


def test_a_mark_alone_is_nothing(tmp_path):
    claim_root(tmp_path)
    assert is_unused(tmp_path)
    (tmp_path / "mlflow").mkdir()
    assert is_unused(tmp_path)


@pytest.mark.parametrize(
    "name", ["reviews", "registry", "accepted", "prefect", "up", "variants", ".shared_state.json", "mlflow/artifacts"]
)
def test_another_file_or_folder_is_something(root, name):
    assert is_unused(root)
    (root / name).mkdir()
    assert not is_unused(root)


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO registered_models (name) VALUES ('emotion')",
        "INSERT INTO runs (run_uuid) VALUES ('1')",
        "DROP TABLE runs",
    ],
)
def test_a_record_of_mlflow_is_something(root, change):
    with closing(sqlite3.connect(root / "mlflow" / "mlflow.db")) as connection, connection:
        connection.execute(change)
    assert not is_unused(root)


def test_a_database_that_cannot_be_read_is_something(root):
    (root / "mlflow" / "mlflow.db").write_text("damaged")
    assert not is_unused(root)
