"""The task that writes runs into MLflow: its being away fails nothing, and the next run makes up for it."""

import pytest
from prefect.logging import disable_run_logger

from data.base.errors import PipelineError
from data.workspace.store import Produced, Workspace
from models.registry.tracking import TrackedReport, TrackSpec
from tasks.publish.track import list_waiting, track_report
from tasks.support.child_processes import Children
from tests.support.registry_factory import make_report


class Writing(Children):
    """Children whose one command notes what it should write, where MLflow is not away."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.written: list[tuple[str, str]] = []

    def run(self, module, argument, log, on_event, threads=1) -> None:
        if self.away:
            raise PipelineError("got no answer from MLflow")
        spec = TrackSpec.model_validate_json((argument / "spec.json").read_text())
        self.written.append((spec.report.name, spec.flow_run_id))
        tracked = TrackedReport(store="here", experiment_id="1", run_id=f"run of {spec.report.name}", variants={})
        (argument / "result.json").write_text(tracked.model_dump_json())


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace")


def track(key, workspace, children, cached=False):
    path = workspace.root / "reports" / key
    if not path.exists():
        make_report(workspace.root, key)
    with disable_run_logger():
        return track_report.fn(Produced(stage="reports", key=key, path=path, cached=cached), workspace, children)


def test_a_report_is_written_once(workspace):
    children = Writing()
    assert track("a", workspace, children).run_id == "run of a"
    again = track("a", workspace, children, cached=True)
    assert (again.name, again.data.run_id) == ("Cached", "run of a")
    assert [report for report, _ in children.written] == ["a"]
    assert list_waiting(workspace) == []


def test_an_mlflow_that_is_away_fails_nothing_and_the_next_run_makes_up_for_it(workspace):
    children = Writing()
    children.away = True
    outcome = track("a", workspace, children)
    assert outcome.is_completed()
    assert (outcome.name, outcome.data) == ("Deferred", None)
    assert "no answer from MLflow" in outcome.message
    assert [waiting.report for waiting in list_waiting(workspace)] == ["a"]
    children.away = False
    track("b", workspace, children)
    assert [report for report, _ in children.written] == ["b", "a"]
    assert list_waiting(workspace) == []


def test_a_report_that_is_gone_waits_no_longer(workspace):
    children = Writing()
    children.away = True
    track("a", workspace, children)
    (workspace.root / "reports" / "a").rename(workspace.root / "reports" / "pruned")
    assert list_waiting(workspace) == []


def test_a_report_waits_on_in_a_workspace_that_was_moved(workspace, tmp_path):
    children = Writing()
    children.away = True
    track("a", workspace, children)
    moved = Workspace(workspace.root.rename(tmp_path / "moved"))
    assert [waiting.report for waiting in list_waiting(moved)] == ["a"]
    children.away = False
    track("b", moved, children)
    assert [report for report, _ in children.written] == ["b", "a"]


def test_a_damaged_file_of_a_waiting_report_costs_itself_alone(workspace):
    children = Writing()
    children.away = True
    track("a", workspace, children), track("b", workspace, children)
    (workspace.root / "mlflow" / "waiting" / "a.json").write_bytes(b"\xff")
    assert [waiting.report for waiting in list_waiting(workspace)] == ["b"]
    children.away = False
    track("c", workspace, children)
    assert [report for report, _ in children.written] == ["c", "b"]


def test_the_child_command_itself_gives_up_on_an_mlflow_that_is_away(workspace, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    children = Children()
    try:
        outcome = track("a", workspace, children)
    finally:
        children.stop()
    assert (outcome.name, outcome.data) == ("Deferred", None)
    assert "MLflow at http://127.0.0.1:1" in outcome.message
    assert [waiting.report for waiting in list_waiting(workspace)] == ["a"]
