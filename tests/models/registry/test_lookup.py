import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from data.base.errors import PipelineError
from models.registry.champion import ModelRegistry
from models.registry.connection import URI_VARIABLE
from models.registry.lookup import find_version
from models.registry.tags import VARIANT_TAG
from tests.support.registry_factory import copy_registry, make_registry


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    root = make_registry(tmp_path_factory.mktemp("registry"), 2)
    ModelRegistry(root).move_champion(2, "a test", "first")
    return root


@pytest.fixture(params=["read directly", "a database of another layout", "another store"])
def registry(request, template, tmp_path, monkeypatch):
    root = copy_registry(template, tmp_path / "workspace")
    if request.param == "another store":
        monkeypatch.setenv(URI_VARIABLE, f"sqlite:///{root / 'mlflow' / 'mlflow.db'}")
    if request.param == "a database of another layout":
        monkeypatch.setattr("models.registry.lookup._read", refuse)
    return root


def refuse(*_):
    raise sqlite3.OperationalError("no such table: registered_model_aliases")


def test_finds_the_champion_and_any_other_version(registry):
    found = find_version(registry)
    assert (found.version, found.tags[VARIANT_TAG]) == (2, "variant2")
    assert find_version(registry, version=1).tags == {VARIANT_TAG: "variant1"}
    assert find_version(registry, "emotion-rafdb") == (0, {})
    with pytest.raises(PipelineError, match="got version 3"):
        find_version(registry, version=3)


def test_sees_a_move_of_the_champion(template, tmp_path):
    root = copy_registry(template, tmp_path / "workspace")
    ModelRegistry(root).move_champion(1, "a test", "back")
    assert find_version(root).version == 1


def test_a_workspace_without_a_registry_has_no_champion_and_gets_no_database(tmp_path):
    assert find_version(tmp_path) == (0, {})
    assert not any(tmp_path.iterdir())


def test_asks_without_importing_mlflow(template):
    code = (
        "import sys; from pathlib import Path; from models.export.find import champion_export; "
        "print(champion_export(Path(sys.argv[1]))); "
        "print(sorted({'mlflow', 'tensorflow', 'prefect'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(template)], capture_output=True, text=True, timeout=60)
    assert done.stdout.split("\n")[:2] == ["(2, None)", "[]"], done.stderr


def test_a_version_without_tags_is_found(template, tmp_path):
    root = copy_registry(template, tmp_path / "workspace")
    with closing(sqlite3.connect(root / "mlflow" / "mlflow.db")) as connection, connection:
        connection.execute("DELETE FROM model_version_tags")
    assert find_version(root) == (2, {})
