"""Helpers that run the `emotion` command as a user does, and read from its Prefect server."""

import os
import subprocess
import sys
import time
from pathlib import Path

import requests

EVENT_SECONDS = 30
EMOTION = Path(sys.executable).with_name("emotion")


class Server:
    """The API of a running server, with the USER:PASSWORD for which it asks."""

    def __init__(self, url, login):
        self.url, self.login = url, login

    def post(self, what, body):
        response = requests.post(f"{self.url}/{what}", json=body, auth=tuple(self.login.split(":")), timeout=10)
        response.raise_for_status()
        return response

    def ask(self, what, **body):
        return self.post(f"{what}/filter", body).json()

    def events_named(self, name):
        """Return the events of this name; the server stores events with a delay."""
        deadline = time.monotonic() + EVENT_SECONDS
        while True:
            wanted = {"filter": {"event": {"name": [name]}}}
            found = self.post("events/filter", wanted).json()["events"]
            if found or time.monotonic() > deadline:
                return found
            time.sleep(0.5)

    def tasks_of(self, flow_run_id):
        of_run = {"flow_runs": {"id": {"any_": [flow_run_id]}}}
        return {task["name"]: task for task in self.ask("task_runs", **of_run)}

    def logs_of(self, task_run_id):
        logs = self.ask("logs", logs={"task_run_id": {"any_": [task_run_id]}}, limit=200)
        return [log["message"] for log in logs]


def environment(workspace, **settings):
    """Return the environment of a command in a workspace."""
    return {**os.environ, "EMOTION_WORKSPACE": str(workspace), "COLUMNS": "120", **settings}


def run_emotion(workspace, *arguments, **settings):
    """Run the command as a user does, against the server in PREFECT_API_URL."""
    return subprocess.run(
        [EMOTION, *arguments],
        env=environment(workspace, **settings),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
