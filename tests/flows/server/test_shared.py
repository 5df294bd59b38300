"""The server of a workspace's runs: on this machine only, shared, and gone with the last run, however that ends."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import requests

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from data.workspace.mark import claim_root
from flows.server.environment import RUN_ENVIRONMENT
from flows.server.password import workspace_login
from flows.server.shared import ServerRecord, ends_with_its_runs, prefect_server

HOLDER = """
import sys, time
from pathlib import Path
from flows.server.shared import prefect_server

with prefect_server(Path(sys.argv[1]), 120) as url:
    print(url, flush=True)
    time.sleep(120)
"""


class Holder:
    """A process that holds a server for the workspace in a directory, as a run does."""

    def __init__(self, directory):
        (directory / "flows").mkdir(exist_ok=True)  # a user's package of that name, where the run is started from
        (directory / "flows" / "__init__.py").write_text("raise RuntimeError('not ours')")
        script = directory / "scripts" / "holder.py"
        script.parent.mkdir(exist_ok=True)
        script.write_text(HOLDER)
        self.process = subprocess.Popen(
            [sys.executable, script, directory / "workspace"],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )

    def read_url(self):
        """Wait for the server and return its URL."""
        return self.process.stdout.readline().strip()

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait(30)


@pytest.fixture
def start_holder(tmp_path, monkeypatch):
    """Start holders of servers for one workspace, which end with the test."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    holders = []

    def start():
        holders.append(Holder(tmp_path))
        return holders[-1]

    yield start
    for holder in holders:
        holder.end(signal.SIGKILL)
        holder.process.stdout.close()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_the_server_ends_with_its_run(start_holder, sent):
    holder = start_holder()
    url = holder.read_url()
    (server,) = psutil.Process(holder.process.pid).children()
    assert requests.get(f"{url}/health", timeout=5).ok
    assert {connection.laddr.ip for connection in server.net_connections() if connection.status == "LISTEN"} == {
        "127.0.0.1"
    }
    holder.end(sent)
    psutil.wait_procs([server], timeout=15)
    assert not server.is_running()


def test_a_server_ends_with_the_last_of_its_runs_not_with_the_one_that_started_it(start_holder, tmp_path):
    first = start_holder()
    url = first.read_url()
    (server,) = psutil.Process(first.process.pid).children()
    second = start_holder()
    assert second.read_url() == url
    assert psutil.Process(second.process.pid).children() == []
    first.end(signal.SIGINT)
    assert requests.get(f"{url}/health", timeout=10).ok
    assert (tmp_path / "workspace" / "server.json").is_file()
    second.end(signal.SIGINT)
    psutil.wait_procs([server], timeout=15)
    assert not server.is_running()
    assert not (tmp_path / "workspace" / "server.json").exists()


def test_runs_that_start_at_once_share_a_server_whatever_an_old_record_says(start_holder, tmp_path):
    old = write_record(tmp_path / "workspace", pid=os.getpid())
    first, second = start_holder(), start_holder()
    url = first.read_url()
    assert url not in ("", old.url)
    assert second.read_url() == url


def write_record(workspace, pid):
    """Name a server that does not answer in workspace/server.json, with the number of a process."""
    record = ServerRecord(url="http://127.0.0.1:9/api", pid=pid)
    claim_root(workspace)
    (workspace / "server.json").write_text(record.model_dump_json())
    return record


def test_only_the_server_of_the_workspace_ends_with_its_runs(tmp_path):
    assert not ends_with_its_runs("http://127.0.0.1:9/api", tmp_path / "workspace")
    record = write_record(tmp_path / "workspace", pid=os.getpid())
    assert ends_with_its_runs(record.url, tmp_path / "workspace")
    assert not ends_with_its_runs("http://127.0.0.1:4200/api", tmp_path / "workspace")


def test_a_named_server_that_is_away_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with pytest.raises(PipelineError, match="no Prefect server answers there"), prefect_server(tmp_path, 5):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_takes_too_long_is_ended(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(PipelineError, match=r"server\.log"), prefect_server(tmp_path, 0.3):
        pass
    deadline = time.monotonic() + 15
    while children := [child for child in psutil.Process().children() if "flows.server.process" in child.cmdline()]:
        assert time.monotonic() < deadline, children
        time.sleep(0.1)


def test_nothing_is_told_to_anybody_whichever_server_is_used(start_holder, tmp_path, monkeypatch):
    for name in RUN_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_API_URL", start_holder().read_url())
    monkeypatch.setenv("EMOTION_PREFECT_AUTH", workspace_login(tmp_path / "workspace"))
    with prefect_server(tmp_path / "other", 5):
        assert os.environ["DO_NOT_TRACK"] == "1"
        assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
        assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def test_the_server_of_a_run_asks_for_the_password_of_its_workspace(start_holder, tmp_path, monkeypatch):
    url = start_holder().read_url()

    def status(login=None, **headers):
        auth = tuple(login.split(":")) if login else None
        return requests.post(f"{url}/flows/count", json={}, auth=auth, headers=headers, timeout=20).status_code

    login = workspace_login(tmp_path / "workspace")
    assert (status(), status("emotion:wrong"), status(login)) == (401, 401, 200)
    assert status(login, Host="foreign.example") == 400
    assert status(login, Origin="http://foreign.example") == 403
    monkeypatch.setenv("PREFECT_API_URL", url)
    refused = pytest.raises(PipelineError, match="asks for another password: set EMOTION_PREFECT_AUTH")
    with refused, prefect_server(tmp_path / "other", 5):
        pass
    with prefect_server(tmp_path / "workspace", 5):  # the same server by its address: the password is known
        assert os.environ["PREFECT_API_AUTH_STRING"] == login


def test_a_server_without_a_password_does_not_start(monkeypatch):
    monkeypatch.delenv("PREFECT_SERVER_API_AUTH_STRING", raising=False)
    command = [sys.executable, "-m", "flows.server.process", "127.0.0.1", "1"]
    ended = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert "got no PREFECT_SERVER_API_AUTH_STRING" in ended.stderr
