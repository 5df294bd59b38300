"""`emotion prune` in a workspace without databases: a dry run makes none, and a full disk can be freed."""

from data.workspace.store import Workspace
from tests.support.emotion_command import run_emotion


def test_a_dry_run_makes_no_database(tmp_path):
    Workspace(tmp_path).produce("texts", {}, lambda out: (out / "content").write_text("made") and None)
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    outcome = run_emotion(tmp_path, "prune", "--dry-run", "--days", "0")
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    assert "texts" in outcome.stdout
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before
