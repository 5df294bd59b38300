"""`emotion models` as a user runs it, on a real registry."""

import pytest
from typer.testing import CliRunner

from data.base.errors import PipelineError
from flows.cli.commands import app
from models.registry.champion import ModelRegistry
from tests.support.registry_factory import make_registry


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return make_registry(tmp_path_factory.mktemp("workspace"), versions=2)


@pytest.fixture
def emotion(workspace, monkeypatch):
    monkeypatch.setenv("EMOTION_WORKSPACE", str(workspace))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    def run(*arguments):
        outcome = CliRunner().invoke(app, ["models", *arguments])
        if outcome.exception and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        return outcome.output

    return run


def test_promote_roll_back_and_look(emotion, workspace):
    assert "No rollback is possible yet." in emotion("list")
    assert "before it none. No rollback is possible yet." in emotion("promote", "1", "--reason", "the first")
    assert "A rollback goes to version 1" in emotion("promote", "2", "--reason", "better")
    assert "champion already" in emotion("promote", "2")
    listed = emotion("list")
    assert "champion" in listed and "variant2" in listed and "better" in listed
    assert "Champion: version 1, before it 2" in emotion("rollback", "--reason", "worse in use")
    assert ModelRegistry(workspace).champion() == 1
    shown = emotion("show")
    assert "worse in use" in shown and "variant1" in shown
    with pytest.raises(PipelineError, match="got no earlier champion"):
        emotion("rollback")


@pytest.mark.parametrize("version", ["9", "challenger", "first", "0"])
def test_a_version_that_there_is_not_is_named(emotion, version):
    with pytest.raises(PipelineError, match=version):
        emotion("promote", version)


def test_a_version_is_looked_for_before_its_export(emotion, monkeypatch):
    monkeypatch.setattr("flows.cli.model_versions.ensure_export", lambda number, registry: 1 / 0)
    with pytest.raises(PipelineError, match="got version 7 of the model emotion, expected one of 1, 2"):
        emotion("promote", "7")


def test_an_empty_registry_says_where_it_looked(emotion, monkeypatch, tmp_path):
    monkeypatch.setenv("EMOTION_WORKSPACE", str(tmp_path))
    assert "No version is registered" in emotion("list")
    with pytest.raises(PipelineError, match="which has no version yet: a run registers the first"):
        emotion("promote", "7")
