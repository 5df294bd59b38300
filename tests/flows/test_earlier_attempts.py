"""Task runs of an attempt that was killed are marked as crashed when the next attempt of the flow run begins."""

import json
import subprocess
import sys

from flows import audit, ingest, promote, retrain, tune
from tasks.support.earlier_attempts import crash_earlier_tasks
from tests.support.emotion_command import environment

TWO_ATTEMPTS = """
import json
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.flow_engine import run_flow
from prefect.states import Running
from tasks.support.earlier_attempts import crash_earlier_tasks

@task
def work():
    return 1

@flow(on_running=[crash_earlier_tasks])
def attempt():
    return work()

with get_client(sync_client=True) as client:
    flow_run = client.create_flow_run(attempt)
    left = client.create_task_run(work, flow_run.id, "killed-0", state=Running())  # as a killed process leaves it
    run_flow(attempt, flow_run=flow_run)
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id]))
    found = {str(run.id): run.state_name for run in client.read_task_runs(flow_run_filter=of_run)}
    print(json.dumps([found.pop(str(left.id)), list(found.values())]))
"""


def test_the_tasks_of_a_killed_attempt_end_as_crashed(server, workspace):
    outcome = subprocess.run(
        [sys.executable, "-c", TWO_ATTEMPTS],
        env=environment(workspace, PREFECT_API_URL=server.url),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    left, others = json.loads(outcome.stdout.splitlines()[-1])
    assert left == "Crashed"
    assert "Crashed" not in others


def test_every_flow_looks_for_them():
    flows = (audit.audit, ingest.ingest, promote.promote, promote.rollback, retrain.retrain, tune.tune)
    assert all(crash_earlier_tasks in (found.on_running_hooks or ()) for found in flows)
