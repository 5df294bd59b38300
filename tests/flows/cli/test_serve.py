"""`emotion serve`: what it refuses before it listens."""

import importlib.util
import socket

import pytest
from typer.testing import CliRunner

from data.base.errors import PipelineError
from flows.cli.commands import app
from flows.service.serve_site import open_feedback, read_token
from flows.settings import Settings


def refuse(*arguments, says):
    outcome = CliRunner().invoke(app, ["serve", *arguments])
    assert isinstance(outcome.exception, PipelineError), outcome.output
    assert says in str(outcome.exception)


def test_another_address_needs_a_token(monkeypatch):
    monkeypatch.delenv("EMOTION_SERVE_TOKEN", raising=False)
    refuse("--host", "0.0.0.0", says="no token: set EMOTION_SERVE_TOKEN")


def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refuse("--port", str(port), says=f"got port {port} on 127.0.0.1")


def test_a_wrong_limit_is_named():
    refuse("--at-most", "speed=1", says="speed")
    refuse("--at-most", "seconds=0", says="seconds")


def test_a_log_that_cannot_be_written_is_named(tmp_path):
    path = str(tmp_path / "none" / "answers.jsonl")
    refuse("--log", path, "--export", str(tmp_path), says="which cannot be written")


@pytest.mark.parametrize("missing", ["onnxruntime", "python_multipart", "prometheus_client"])
def test_a_missing_package_names_the_extra(monkeypatch, missing):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == missing else real(name, *rest))
    refuse(says=f"got no package {missing}, which emotion serve needs: install the extra serve")


def test_feedback_is_off_unless_it_is_asked_for(tmp_path, monkeypatch):
    workspace = tmp_path / "workspace"
    settings = Settings(workspace=workspace)
    assert open_feedback(settings) is None
    assert not workspace.exists()
    for store in (open_feedback(settings, True), open_feedback(Settings(workspace=workspace, feedback=True))):
        assert store and (store.limits.pictures, store.limits.total_bytes) == (2_000, 64 << 20)
    few = open_feedback(Settings(workspace=workspace, feedback=True, feedback_pictures=3))
    assert few and few.limits.pictures == 3


def test_the_token_of_one_page_does_not_open_the_other(tmp_path):
    file = tmp_path / "token"
    file.write_text("a-token-in-a-file\n")
    settings = Settings(workspace=tmp_path, review_token_file=file, serve_token="a-token-of-the-champion")
    assert read_token(settings, "review_token") == "a-token-in-a-file"
    assert read_token(settings) == "a-token-of-the-champion"
