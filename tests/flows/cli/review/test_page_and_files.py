"""`emotion review`: what it refuses before it listens, and files in both directions."""

import socket

import pytest
from typer.testing import CliRunner

from data.base.errors import PipelineError
from data.quality.label_corrections import read_relabel
from data.review.exchange import load_latest
from data.review.reviewers import list_reviewers, open_log
from flows.cli.commands import app
from tests.support.review_factory import make_audited_workspace, make_line
from tests.support.seed_format import CLASSES


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.delenv("EMOTION_REVIEW_TOKEN", raising=False)
    monkeypatch.setenv("EMOTION_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("COLUMNS", "500")
    return make_audited_workspace(tmp_path / "workspace")


def review(*arguments):
    return CliRunner().invoke(app, ["review", *map(str, arguments)])


def refuse(*arguments, says):
    outcome = review(*arguments)
    assert isinstance(outcome.exception, PipelineError), outcome.output
    assert says in str(outcome.exception)


def test_another_address_needs_a_token(root, monkeypatch):
    refuse("--host", "0.0.0.0", says="no token: set EMOTION_REVIEW_TOKEN")
    monkeypatch.setenv("EMOTION_SERVE_TOKEN", "that-of-another-part")
    refuse("--host", "0.0.0.0", says="no token: set EMOTION_REVIEW_TOKEN")
    monkeypatch.setenv("EMOTION_REVIEW_TOKEN", "short")
    refuse(says="got EMOTION_REVIEW_TOKEN with 5 characters")


def test_a_reviewer_is_refused_where_no_file_is_read(root, tmp_path):
    refuse("--reviewer", "bob", "--export", tmp_path / "out", says="got --reviewer bob without --import")
    refuse("--reviewer", "bob", says="leave --reviewer out")
    assert not (tmp_path / "out").exists()


def test_a_taken_port_is_named(root):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refuse("--port", port, says=f"got port {port} on 127.0.0.1")


def test_results_are_written_and_read_again(root, tmp_path):
    suspect = load_latest(root).manifest.iloc[0]
    open_log(root, "anna").add(make_line(suspect["pixel_sha256"], "sad", image_id=suspect["path"]))
    outcome = review("--export", tmp_path / "out")
    assert outcome.exit_code == 0, outcome.output
    assert "1 image with answers of 1 person" in outcome.stdout
    assert str(tmp_path / "out" / "relabel.csv") in outcome.stdout
    assert read_relabel(tmp_path / "out" / "relabel.csv", CLASSES)[suspect["path"]].new_label == "sad"
    again = review("--import", tmp_path / "out" / "label_studio.json", "--reviewer", "ben")
    assert "Known already, not added again: 1" in again.stdout
    assert list_reviewers(root) == ["anna"]


def test_what_an_import_leaves_out_is_named(root, tmp_path):
    file = tmp_path / "answers.csv"
    file.write_text("image,choice\ntrain/sad/0.jpg,Happiness\nelsewhere.jpg,sad\ntrain/sad/1.jpg,chair\n")
    outcome = review("--import", file)
    assert "Answers of answers: 1" in outcome.stdout
    assert "unknown images: 1 (elsewhere.jpg)" in outcome.stdout
    assert "unknown words: 1 (chair)" in outcome.stdout


def test_a_name_that_is_none_and_a_workspace_without_an_audit_are_refused(root, tmp_path, monkeypatch):
    refuse("--import", tmp_path / "x.json", "--reviewer", "../anna", says="name of a reviewer")
    monkeypatch.setenv("EMOTION_WORKSPACE", str(tmp_path / "other"))
    refuse("--export", tmp_path / "out", says="emotion audit")
    assert not (tmp_path / "other").exists()
