"""Parts under the supervisor: a part that is killed comes back, and a kill at any level leaves nothing."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from data.base.paths import PROJECT_ROOT
from flows.service.parts import Part
from flows.service.process_marks import UP_VARIABLE, find_up_processes
from flows.service.supervisor import LogFollower, log_path, remove_socket, write_config

SLOW_SECONDS = 120

COMMAND = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
print("100% up", flush=True)
time.sleep(1000)
"""
"""It leaves its child when it is told to end, as MLflow's command does, and the child has a session of its own."""

STARTER = """
import sys, time
from pathlib import Path
from flows.service.supervisor import Supervisor

print(Supervisor(Path(sys.argv[1]), Path(sys.argv[2])).start({}).pid, flush=True)
time.sleep(1000)
"""


def wait_until(condition):
    deadline = time.monotonic() + SLOW_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A folder with a space, a percent sign and a hash, whose marked processes end with the test."""
    folder = tmp_path / "100% mine #1"
    folder.mkdir()
    monkeypatch.setenv(UP_VARIABLE, str(folder))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT_ROOT))
    yield folder
    for process in find_up_processes(up=str(folder)):
        with suppress(psutil.NoSuchProcess):  # it ends with its parent
            process.kill()


@pytest.fixture
def up(workspace):
    """A process that starts the supervisor of one part, as `emotion up` does, and the supervisor."""
    (workspace / "part.py").write_text(COMMAND)
    parts = [Part("server", (sys.executable, str(workspace / "part.py")))]
    supervisor = write_config(parts, workspace / "up" / "supervisord.conf")
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, supervisor.config, supervisor.socket],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    daemon = psutil.Process(int(starter.stdout.readline()))
    wait_until(lambda: "100% up" in read(workspace))
    yield starter, daemon, supervisor
    starter.kill()
    starter.wait()
    starter.stdout.close()
    remove_socket(supervisor.socket)


def read(workspace):
    log = log_path(workspace / "up", "server")
    return log.read_text() if log.exists() else ""


def commands(workspace):
    """Return the part's command and its child."""
    return [process for process in find_up_processes(up=str(workspace), part="server") if process.is_running()]


def test_a_part_that_is_killed_comes_back_without_what_it_left(up, workspace):
    wait_until(lambda: len(commands(workspace)) == 2)
    before = commands(workspace)
    parent = next(process for process in before if process.parent() not in before)
    parent.kill()
    wait_until(lambda: read(workspace).count("100% up") == 2)
    wait_until(lambda: not any(process.is_running() for process in before))
    wait_until(lambda: [part.state for part in up[2].states()] == ["RUNNING"])


@pytest.mark.parametrize(("level", "sent"), [(0, signal.SIGKILL), (1, signal.SIGKILL), (1, signal.SIGTERM)])
def test_an_end_at_any_level_leaves_nothing(up, workspace, level, sent):
    wait_until(lambda: len(commands(workspace)) == 2)
    os.kill((up[0].pid, up[1].pid)[level], sent)
    wait_until(lambda: [p for p in find_up_processes(up=str(workspace)) if p.pid != up[0].pid] == [])


def test_logs_are_followed_line_by_line_and_past_a_rotation(tmp_path):
    log = tmp_path / "part.log"
    log.write_text("old\n")
    follower = LogFollower({"part": log})
    with log.open("a") as file:
        file.write("one\ntw")
    assert list(follower.lines()) == [("part", "one")]
    with log.open("a") as file:
        file.write("o\n")
    assert list(follower.lines()) == [("part", "two")]
    log.write_text("new\n")
    assert list(follower.lines()) == [("part", "new")]


def test_a_part_that_ends_after_some_seconds_is_never_called_running(workspace):
    parts = [Part("server", (sys.executable, "-c", "import time; time.sleep(4)"))]
    supervisor = write_config(parts, workspace / "up" / "supervisord.conf")
    starter = subprocess.Popen([sys.executable, "-c", STARTER, supervisor.config, supervisor.socket], cwd=PROJECT_ROOT)
    seen, deadline = set(), time.monotonic() + 10
    while time.monotonic() < deadline:
        seen.update(part.state for part in supervisor.states())
        time.sleep(0.2)
    starter.kill()
    starter.wait()
    remove_socket(supervisor.socket)
    assert "BACKOFF" in seen and "RUNNING" not in seen
