"""Housekeeping after real runs: what is kept is whole, and the Prefect runs behind the rest go with all they have."""

import pytest

from tests.support.emotion_command import run_emotion

pytestmark = pytest.mark.slow

NEVER = {"EMOTION_KEEP_REPORTS": "0"}


def state_names(server, name, sort="START_TIME_DESC"):
    """Return task -> state of the latest run of this name."""
    run, *_ = server.ask("flow_runs", flow_runs={"name": {"any_": [name]}}, sort=sort)
    return {task: found["state"]["name"] for task, found in server.tasks_of(run["id"]).items()}


def run_smoke(workspace, *arguments, **settings):
    arguments = (*arguments, "--promotion", "first_margin=0.9")  # a champion's report would stay
    outcome = run_emotion(workspace, "run", "--preset", "smoke", *arguments, **settings)
    assert outcome.returncode == 0, outcome.stdout[-2000:] + outcome.stderr[-4000:]


def prune(workspace, *arguments):
    outcome = run_emotion(workspace, "prune", "--days", "0", *arguments)
    assert outcome.returncode == 0, outcome.stdout[-2000:] + outcome.stderr[-4000:]
    return outcome.stdout


@pytest.fixture(scope="module")
def two_runs(server, workspace):
    """A workspace with two reports; the second one's variant is of the first run too."""
    run_smoke(workspace, **NEVER)
    assert "prune workspace" not in state_names(server, "smoke on sample")
    run_smoke(workspace, "--variants", "compact", **NEVER)
    return workspace


def test_of_two_runs_the_newer_stays_and_is_found_whole(two_runs, server):
    assert len(list(two_runs.glob("reports/[!.]*/"))) == 2
    assert len(list(two_runs.glob("variants/[!.]*"))) == 3
    said = prune(two_runs, "--keep", "1", "--dry-run")
    assert "What would be removed" in said
    assert len(list(two_runs.glob("variants/[!.]*"))) == 3
    assert "What was removed" in prune(two_runs, "--keep", "1")
    assert len(list(two_runs.glob("reports/[!.]*/"))) == 1
    assert len(list(two_runs.glob("variants/[!.]*"))) == 1
    run_smoke(two_runs, "--variants", "compact", EMOTION_KEEP_REPORTS="1")
    states = state_names(server, "smoke on sample")
    assert {states.pop(name) for name in ("recover champion moves", "prune workspace")} == {"Completed"}
    assert set(states.values()) - {"Skipped"} == {"Cached"}
    assert states["train compact"] == states["publish report"] == "Cached"


def test_runs_of_somebody_else_with_our_flows_names_stay(two_runs, server):
    before = {run["id"] for run in server.ask("flow_runs")}
    prune(two_runs, "--keep", "1")
    assert {run["id"] for run in server.ask("flow_runs")} == before, "none of them belongs to one of our deployments"
