"""The flows `promote` and `rollback` through a real Prefect server: runs, the event, the artifact with the moves."""

import json
import subprocess
import sys
import time

import pytest

from models.registry.champion import ModelRegistry
from tests.support.emotion_command import environment, run_emotion
from tests.support.registry_factory import make_registry

PROMOTE_MISSING = """
from data.base.errors import PipelineError
from flows.promote import promote
try:
    promote(version=7)
except PipelineError as error:
    print(error)
"""

RUN_BOTH = """
from flows.promote import promote, rollback
promote(version=1, reason="the first")
promote(version=0, reason="approved")
rollback(reason="worse in use")
"""


def run_script(code, server, workspace):
    """Run code in a process of its own that reports to the server; it has to end well."""
    outcome = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(workspace, PREFECT_API_URL=server.url),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    return outcome


@pytest.fixture(scope="module")
def moved(server, workspace):
    """A registry whose champion was moved by three runs: to 1, to the challenger 2, and back."""
    make_registry(workspace, versions=2)
    ModelRegistry(workspace).set_challenger(2)
    run_script(RUN_BOTH, server, workspace)
    return ModelRegistry(workspace)


def champion_events(server, expected, seconds=30):
    """Return the events of the champion's moves, once there are as many as expected."""
    deadline = time.monotonic() + seconds
    while True:
        asked = {"filter": {"event": {"name": ["emotion.champion.changed"]}}, "limit": 50}
        events = server.post("events/filter", asked).json()["events"]
        if len(events) >= expected or time.monotonic() > deadline:
            return sorted(events, key=lambda event: event["occurred"])
        time.sleep(0.5)


def test_each_move_names_its_flow_run(moved, server):
    runs = {run["name"]: run["id"] for run in server.ask("flow_runs", sort="START_TIME_ASC")}
    assert set(runs) == {"promote version 1", "promote version 0", "roll back the champion"}
    moves = [entry.move for entry in moved.history()]
    assert [(move.kind, move.source, move.target) for move in moves] == [
        ("promotion", 0, 1),
        ("promotion", 1, 2),
        ("rollback", 2, 1),
    ]
    assert moves[-1].by == f"flow run roll back the champion ({runs['roll back the champion']})"
    assert moves[-1].id == runs["roll back the champion"]
    assert moves[1].reason == "approved"


def test_each_move_is_an_event_for_automations(moved, server):
    events = champion_events(server, 3)
    assert [(event["payload"]["from"], event["payload"]["to"]) for event in events] == [(0, 1), (1, 2), (2, 1)]
    assert events[-1]["payload"]["reason"] == "worse in use"
    assert events[-1]["resource"]["prefect.resource.id"] == "emotion.model.emotion"


def test_the_moves_are_an_artifact_with_a_history(moved, server):
    artifacts = [one for one in server.ask("artifacts", sort="CREATED_DESC") if one["key"] == "champion"]
    assert len(artifacts) == 3
    rows = json.loads(artifacts[0]["data"])
    assert [row["to"] for row in rows] == [1, 2, 1]


def test_a_move_of_the_command_is_told_to_a_server_that_runs(moved, server, workspace):
    outcome = run_emotion(workspace, "models", "promote", "2", "--reason", "by hand", PREFECT_API_URL=server.url)
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    assert champion_events(server, 4)[-1]["payload"]["reason"] == "by hand"


def test_a_version_that_does_not_exist_is_named_once_without_a_traceback(moved, server, workspace):
    outcome = run_script(PROMOTE_MISSING, server, workspace)
    assert "got version 7 of the model emotion, expected one of 1, 2" in outcome.stdout
    assert "Traceback" not in outcome.stderr and "export version 7" not in outcome.stderr
