"""The automation that finds dead runs, on a real server: it marks those that fell silent while they ran, no others."""

import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import AwaitingRetry, Completed, Paused, Pending, Running, Scheduled, Suspended

from flows.server.environment import HEARTBEAT_SECONDS
from flows.service import automations
from flows.service.automations import apply_automations

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SILENT = {
    "dead": [],
    "suspended": [Suspended(timeout_seconds=3600)],
    "paused": [Paused(timeout_seconds=3600)],
    "retrying": [AwaitingRetry()],
    "completed": [Completed()],
}
"""What each run does after its last heartbeat."""


def send_heartbeat(server, run):
    resource = {"prefect.resource.id": f"prefect.flow-run.{run.id}", "prefect.resource.name": run.name}
    event = {"id": str(uuid4()), "event": "prefect.flow-run.heartbeat", "resource": resource, "related": []}
    event["occurred"] = datetime.now(UTC).isoformat()
    server.post("events", [event])


def test_runs_that_fall_silent_are_crashed_and_those_that_wait_are_not(server, monkeypatch):
    monkeypatch.setattr(automations, "START_SECONDS", 60)  # of 300, so that the test need not wait so long
    settings = {PREFECT_API_URL: server.url, PREFECT_API_AUTH_STRING: server.login}
    with temporary_settings(settings), get_client(sync_client=True) as client:
        apply_automations("")
        time.sleep(5)  # the server takes up automations a little later than they are made
        runs = {}
        for name in (*SILENT, "alive"):
            runs[name] = client.create_flow_run(flow(lambda: None, name="probe"), name=name, state=Pending())
            client.set_flow_run_state(runs[name].id, Running(), force=True)
            send_heartbeat(server, runs[name])
        time.sleep(2)
        for name, states in SILENT.items():
            for state in states:
                client.set_flow_run_state(runs[name].id, state, force=True)
                time.sleep(2)  # of a burst of events SQLite may refuse some for good: docs/troubleshooting.md
        unstarted = {"lost": Pending(name="Submitting"), "queued": Scheduled(name="AwaitingConcurrencySlot")}
        for name, state in unstarted.items():
            runs[name] = client.create_flow_run(flow(lambda: None, name="probe"), name=name, state=state)
        deadline = time.monotonic() + 5 * HEARTBEAT_SECONDS
        while time.monotonic() < deadline:
            send_heartbeat(server, runs["alive"])
            time.sleep(HEARTBEAT_SECONDS / 3)
        found = {name: client.read_flow_run(run.id).state.name for name, run in runs.items()}
    assert found == {
        "dead": "Crashed",
        "suspended": "Suspended",
        "paused": "Paused",
        "retrying": "AwaitingRetry",
        "completed": "Completed",
        "alive": "Running",
        "lost": "Crashed",
        "queued": "AwaitingConcurrencySlot",
    }
