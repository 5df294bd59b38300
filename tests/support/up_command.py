"""An `emotion up` in its own process and on its own ports."""

import os
import signal
import socket
import subprocess
import sys
import time

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from data.base.paths import PROJECT_ROOT
from flows.server.password import workspace_login
from flows.service.parts import addresses
from flows.service.process_marks import find_up_processes
from flows.service.up import find_up
from flows.settings import Settings, settings_environment

SLOW_SECONDS = 600


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _make_session():
    session = requests.Session()
    session.mount(
        "http://", HTTPAdapter(max_retries=Retry(5, status_forcelist=[503], allowed_methods=None, backoff_factor=1))
    )
    return session


API = _make_session()
"""Session for Prefect's API: it repeats a request if Prefect answers 503 because SQLite is busy. It has the password of
the `emotion up` that was started last."""


class Up:
    """Start `emotion up`; `is_ready` tells whether everything answers, `end` sends Ctrl-C."""

    def __init__(self, workspace, **settings):
        names = ("prefect_port", "mlflow_port", "reports_port", "serve_port", "review_port")
        ports = {name: free_port() for name in names}
        self.settings = Settings(workspace=workspace, server_start_seconds=SLOW_SECONDS, **ports, **settings)
        self.addresses = addresses(self.settings)
        self.api = f"{self.addresses['server']}/api"
        self.log = workspace.parent / "up.log"
        self.login = workspace_login(workspace)
        self.start()

    def start(self):
        API.auth = tuple(self.login.split(":"))
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows.cli.app", "up"],
                cwd=PROJECT_ROOT,
                env=self.environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(SLOW_SECONDS)

    def run(self, *command):
        """Run another `emotion` command of the same workspace."""
        return subprocess.run(
            [sys.executable, "-m", "flows.cli.app", *command],
            cwd=PROJECT_ROOT,
            env=self.environment(),
            check=True,
            capture_output=True,
            text=True,
            timeout=SLOW_SECONDS,
        )

    def environment(self):
        environment = {**os.environ, **self.variables(), "PYTHONPATH": str(PROJECT_ROOT)}
        environment.pop("PREFECT_API_URL", None)
        return environment

    def variables(self):
        return settings_environment(self.settings)

    def record(self):
        return find_up(self.settings.workspace)

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        record = self.record()
        return bool(record and record.ready)

    def processes(self):
        return find_up_processes(up=str(self.settings.workspace.resolve()))


def wait_until(condition, seconds=SLOW_SECONDS):
    """Wait for a condition, and fail if it does not become true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)
