"""The server of one run: on this machine only, and gone with its run, however that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests

from data.errors import PipelineError
from data.workspace import PROJECT_ROOT
from flows.server import prefect_server, quiet_environment

HOLDER = """
import sys, time
from pathlib import Path
from flows.server import prefect_server

with prefect_server(Path(sys.argv[1]), 120) as url:
    print(url, flush=True)
    time.sleep(120)
"""


def start_holder(directory):
    """Start a process that holds a server for the workspace in a directory."""
    script = directory / "scripts" / "holder.py"
    script.parent.mkdir(exist_ok=True)
    script.write_text(HOLDER)
    return subprocess.Popen(
        [sys.executable, script, directory / "workspace"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def holder(tmp_path, monkeypatch):
    """A process that holds a server; yields it, the server's URL and the server's process."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    (tmp_path / "flows").mkdir()  # a user's own package of that name, in the directory that the run is started from
    (tmp_path / "flows" / "__init__.py").write_text("raise RuntimeError('not ours')")
    process = start_holder(tmp_path)
    url = process.stdout.readline().strip()
    (server,) = psutil.Process(process.pid).children()
    yield process, url, server
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_with_its_run(holder, sent):
    process, url, server = holder
    assert requests.get(f"{url}/health", timeout=5).ok
    assert {connection.laddr.ip for connection in server.net_connections() if connection.status == "LISTEN"} == {
        "127.0.0.1"
    }
    process.send_signal(sent)
    process.wait(15)
    psutil.wait_procs([server], timeout=15)
    assert not server.is_running()


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
    while children := [child for child in psutil.Process().children() if "flows.server_child" in child.cmdline()]:
        assert time.monotonic() < deadline, children
        time.sleep(0.1)


def test_nothing_is_told_to_anybody():
    environment = quiet_environment(Path("workspace"))
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["DO_NOT_TRACK"] == "1"
