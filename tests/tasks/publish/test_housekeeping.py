"""Which Prefect runs stay, and that the others go with their task runs, artifacts and logs: on a real server."""

import os
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect import Flow, Task
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, LogCreate
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Failed, Running

from flows.server.environment import CLIENT_LOGIN_VARIABLE
from flows.server.shared import prefect_server
from tasks.publish.housekeeping import OUR_TAG, _kept_runs, prune_flow_runs

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def make_runs(flow_id, count):
    """Return runs of half an hour each, started at noon and every hour before, the newest first."""
    starts = [NOON - number * HOUR for number in range(count)]
    return [FlowRun(id=uuid4(), flow_id=flow_id, start_time=start, end_time=start + HOUR / 2) for start in starts]


def test_the_newest_of_each_flow_stay_and_those_that_made_a_kept_report():
    trained, ingested = make_runs(uuid4(), 5), make_runs(uuid4(), 2)
    times = [NOON - 3 * HOUR + timedelta(minutes=10), NOON - 2 * HOUR - timedelta(minutes=10)]
    kept = list(_kept_runs([*trained, *ingested], times, keep=1))
    assert kept == [
        (trained[0], "latest of their flow"),
        (trained[3], "kept reports"),
        (ingested[0], "latest of their flow"),
    ]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with (
        prefect_server(tmp_path_factory.mktemp("server"), 120) as url,
        temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: os.environ[CLIENT_LOGIN_VARIABLE]}),
        get_client(sync_client=True) as client,
    ):
        yield client


def work(argument=0):
    """Do nothing; only its run's record counts."""


def record_run(client, flow_name, state, tags=()):
    """Make the record of a run with a task run, an artifact and a log line, and return its id."""
    run = client.create_flow_run(Flow(work, name=flow_name), tags=tags)
    client.create_task_run(Task(work), run.id, dynamic_key="0")
    client.create_artifact(ArtifactCreate(key="leaderboard", type="markdown", data="best", flow_run_id=run.id))
    client.create_logs([LogCreate(name="log", level=20, message="line", timestamp=NOON, flow_run_id=run.id)])
    client.set_flow_run_state(run.id, Running(), force=True)
    if state:
        client.set_flow_run_state(run.id, state, force=True)
    return run.id


def test_finished_runs_of_ours_go_with_all_they_have(client):
    old, failed, new = (record_run(client, "retrain", state) for state in (Completed(), Failed(), Completed()))
    running = record_run(client, "retrain", None)
    other = record_run(client, "somebody's", Completed())
    kept, everything = {new, running, other}, {old, failed, new, running, other}
    counted = prune_flow_runs([], keep=1, dry_run=True, owns_server=True)
    assert {run.id for run in client.read_flow_runs()} == everything
    assert (counted.removed, counted.kept) == (2, 1)
    assert prune_flow_runs([], keep=1, dry_run=False, owns_server=True) == counted
    assert {run.id for run in client.read_flow_runs()} == kept
    assert {run.flow_run_id for run in client.read_task_runs()} == kept
    assert {artifact.flow_run_id for artifact in client.read_artifacts()} == kept
    logs = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=list(everything))))
    assert {log.flow_run_id for log in logs} == kept


def test_on_the_server_of_others_only_runs_of_our_deployments_go(client):
    ours = [record_run(client, "ingest", Completed(), tags=[OUR_TAG]) for _ in range(2)]
    theirs = [record_run(client, "ingest", Completed()) for _ in range(2)]
    counted = prune_flow_runs([], keep=1, dry_run=False, owns_server=False)
    assert (counted.removed, counted.kept) == (1, 1)
    left = {run.id for run in client.read_flow_runs()}
    assert ours[0] not in left and {ours[1], *theirs} <= left
