"""`emotion export` on a workspace whose export exists already, so that no child is started."""

import pytest
from typer.testing import CliRunner

from data.base.errors import PipelineError
from data.records.export import BUNDLE_NAME, ExportedFormat
from data.workspace.store import Workspace
from flows.cli.commands import app
from models.export.find import TRAINING_INPUT
from models.registry.champion import ModelRegistry
from tasks.publish import export
from tests.support.bundles import make_bundle
from tests.support.registry_factory import make_registry


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = make_registry(tmp_path_factory.mktemp("workspace"), versions=2)
    ModelRegistry(root).move_champion(1, "a test", "first")
    return root


@pytest.fixture
def exported(workspace, monkeypatch):
    """Export by writing a record; returns the list of the trainings that were exported."""
    made: list[str] = []

    def make(key, workspace, children, reported=None):
        def write(out):
            formats = (ExportedFormat(format="onnx", path="network.onnx", bytes=7, offered=True),)
            (out / "network.onnx").write_text("network")
            (out / BUNDLE_NAME).write_text(make_bundle(formats=formats, variant_key=key).model_dump_json())

        made.append(key)
        return Workspace(workspace.root).produce("exports", {TRAINING_INPUT: key}, write)

    monkeypatch.setattr(export, "make_export", make)
    return made


@pytest.fixture
def emotion(workspace, monkeypatch):
    monkeypatch.setenv("EMOTION_WORKSPACE", str(workspace))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    def run(*arguments):
        outcome = CliRunner().invoke(app, arguments)
        if outcome.exception and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        return outcome.output

    return run


def test_exports_the_champion_copies_it_and_tells_the_registry(emotion, exported, workspace, tmp_path):
    target = tmp_path / "copy"
    shown = emotion("export", "--to", str(target), "--format", "onnx")
    assert exported == ["variant1"] and "ONNX" in shown and "yes" in shown
    assert (target / "network.onnx").read_text() == "network"
    assert ModelRegistry(workspace).show(1).tags["emotion.export.onnx"].endswith("offered yes")
    with pytest.raises(PipelineError, match="which exists"):
        emotion("export", "--to", str(target))


def test_promotion_and_rollback_export_what_has_no_export(emotion, exported, workspace):
    assert "Exporting version 2" in emotion("models", "promote", "2")
    assert exported == ["variant2"]
    emotion("models", "rollback")
    emotion("models", "promote", "2")
    assert exported == ["variant2"], "it is exported once"


def test_a_promotion_does_not_fail_with_the_export(emotion, workspace, monkeypatch, tmp_path):
    root = make_registry(tmp_path / "other", versions=1)
    monkeypatch.setenv("EMOTION_WORKSPACE", str(root))
    shown = emotion("models", "promote", "1")
    assert "Version 1 has no export: got no complete variants stage" in shown
    assert ModelRegistry(root).champion() == 1


def test_what_does_not_exist_is_named(emotion, exported):
    for arguments, match in (
        (("--format", "coreml"), "expected one of saved_model, onnx, litert, litert_int8"),
        (("--run", "vgg16"), "got training 'vgg16'"),
        (("7",), "got version 7"),
    ):
        with pytest.raises(PipelineError, match=match):
            emotion("export", *arguments)
    assert exported == []
