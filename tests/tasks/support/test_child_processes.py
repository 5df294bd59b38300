"""The parent's half of child commands: events handed on, errors told apart, nothing left behind."""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest

from data.base.errors import ChildKilled, PipelineError, VariantUnavailable
from tasks.support import child_processes as children_module
from tasks.support.child_processes import Children, ChildStopped, child_environment, training_children

CHILD = """
import os, signal, sys, tempfile, time
from pathlib import Path
from data.records.events import UnknownEvent
from data.system.child_process import emit, run_child
from data.base.errors import PipelineError, VariantUnavailable

def main():
    what = Path(sys.argv[1]).read_text()
    device = os.environ.get("CUDA_VISIBLE_DEVICES")
    threads = os.environ["OMP_NUM_THREADS"]
    emit(UnknownEvent(event="started", pid=os.getpid(), threads=threads, device=device))
    if what == "killed":
        emit(UnknownEvent(event="scratch", path=tempfile.mkdtemp()))
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "sleeps":
        time.sleep(60)
    if what == "ticks":
        for _ in range(10):
            time.sleep(0.4)
            emit(UnknownEvent(event="tick"))
    if what == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        emit(UnknownEvent(event="deaf"))
        time.sleep(60)
    if what == "error":
        raise PipelineError("repair it")
    if what == "unavailable":
        raise VariantUnavailable("no weights")
    if what == "silent":
        sys.stderr.write("the last words\\n")
        os._exit(7)

run_child(main)
"""


@pytest.fixture
def run_child(tmp_path, monkeypatch):
    """Run a child that does what it is told; returns its events."""
    (tmp_path / "child_for_tests.py").write_text(CHILD)
    paths = [str(tmp_path), str(children_module.PROJECT_ROOT)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))

    def run(children: Children, what: str, events: list) -> None:
        argument = tmp_path / f"{what}.txt"
        argument.write_text(what)
        children.run("child_for_tests", argument, tmp_path / "child.log", events.append, threads=3)

    return run


def test_what_the_user_tells_the_allocator_comes_last_and_so_counts(monkeypatch):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert child_environment(2, "/scratch")["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=1"
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=0")
    assert child_environment(2, "/scratch")["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=1:glibc.malloc.hugetlb=0"


def test_events_are_handed_on(run_child):
    events = []
    with training_children() as children:
        run_child(children, "works", events)
    assert [event.event for event in events] == ["started"]
    assert events[0].threads == "3"


def test_a_killed_child_leaves_no_temporary_files(run_child):
    events = []
    with training_children() as children, pytest.raises(ChildKilled):
        run_child(children, "killed", events)
    assert not Path(events[-1].path).exists()


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("killed", ChildKilled, "SIGKILL"),
        ("error", PipelineError, "repair it"),
        ("unavailable", VariantUnavailable, "no weights"),
        ("silent", PipelineError, "the last words"),
    ],
)
def test_errors_are_told_apart(run_child, what, error, message):
    with training_children() as children, pytest.raises(error, match=message) as raised:
        run_child(children, what, [])
    assert type(raised.value) is error


@pytest.mark.parametrize(("what", "patience"), [("sleeps", 10.0), ("stubborn", 0.5)])
def test_leaving_the_block_ends_every_child(run_child, monkeypatch, what, patience):
    monkeypatch.setattr(children_module, "TERMINATE_SECONDS", patience)
    events, errors = [], []

    def work(children: Children) -> None:
        try:
            run_child(children, what, events)
        except ChildStopped as error:
            errors.append(error)

    with pytest.raises(KeyboardInterrupt), training_children() as children:
        thread = threading.Thread(target=work, args=[children])
        thread.start()
        wait_for(lambda: len(events) == (2 if what == "stubborn" else 1))
        raise KeyboardInterrupt
    thread.join(10)
    assert not psutil.pid_exists(events[0].pid)
    assert len(errors) == 1


def test_a_child_that_hangs_is_ended_and_not_taken_for_a_killed_one(run_child, monkeypatch):
    monkeypatch.setattr(children_module, "SILENT_SECONDS", 5.0)
    events = []
    with training_children() as children, pytest.raises(PipelineError, match="sent no event") as raised:
        run_child(children, "sleeps", events)
    assert type(raised.value) is PipelineError
    assert not psutil.pid_exists(events[0].pid)


def test_a_child_that_keeps_sending_events_is_left_alone(run_child, monkeypatch):
    monkeypatch.setattr(children_module, "SILENT_SECONDS", 3.0)
    events = []
    with training_children() as children:
        run_child(children, "ticks", events)
    assert [event.event for event in events] == ["started", *["tick"] * 10]


def test_stubborn_children_share_one_deadline(monkeypatch):
    monkeypatch.setattr(children_module, "TERMINATE_SECONDS", 0.2)
    waited, killed = [], []

    class Stubborn:
        def terminate(self):
            pass

        def kill(self):
            killed.append(self)

        def wait(self, timeout=None):
            if timeout is None:
                return
            waited.append(timeout)
            time.sleep(timeout)
            raise subprocess.TimeoutExpired("child", timeout)

    children_module._end([Stubborn() for _ in range(3)])
    assert len(killed) == 3
    assert sum(waited) <= 0.2


def test_each_child_has_a_device_of_its_own_and_the_next_waits_for_one(run_child):
    children, events = Children(["0", "1"]), []
    names = ["sleeps", "sleeps", "works"]
    threads = [threading.Thread(target=run_or_be_stopped, args=[run_child, children, name, events]) for name in names]
    try:
        for number, thread in enumerate(threads, start=1):
            thread.start()
            wait_for(lambda number=number: len(events) == min(number, 2))
        assert sorted(event.device for event in events) == ["0", "1"]
        time.sleep(0.5)
        assert len(events) == 2, "the third has no device"
        os.kill(events[0].pid, signal.SIGKILL)
        wait_for(lambda: len(events) == 3)
        assert events[2].device == events[0].device
    finally:
        children.stop()
        for thread in threads:
            thread.join(10)


def test_a_child_that_waits_for_a_device_is_stopped_with_the_run(run_child):
    children, events = Children(["0"]), []
    threads = [
        threading.Thread(target=run_or_be_stopped, args=[run_child, children, "sleeps", events]) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(events) == 1)
    children.stop()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert len(events) == 1


def test_two_runs_on_one_host_use_different_gpus(run_child, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    runs, events = [Children(["0", "1"]), Children(["0", "1"])], []
    threads = [threading.Thread(target=run_or_be_stopped, args=[run_child, run, "sleeps", events]) for run in runs]
    try:
        for number, thread in enumerate(threads, start=1):
            thread.start()
            wait_for(lambda number=number: len(events) == number)
        assert [event.device for event in events] == ["0", "1"]
    finally:
        for run in runs:
            run.stop()
        for thread in threads:
            thread.join(10)


def run_or_be_stopped(run_child, children: Children, what: str, events: list) -> None:
    with contextlib.suppress(ChildStopped, ChildKilled):
        run_child(children, what, events)


def test_a_stopped_run_starts_no_child(run_child):
    children = Children()
    children.stop()
    with pytest.raises(ChildStopped):
        run_child(children, "works", [])


def test_a_handler_that_fails_ends_the_child(tmp_path, run_child):
    seen = []

    class Failing(list):
        def append(self, event):
            seen.append(event.pid)
            raise RuntimeError("the API is gone")

    with training_children() as children, pytest.raises(RuntimeError, match="the API is gone"):
        run_child(children, "sleeps", Failing())
    assert not psutil.pid_exists(seen[0])


def wait_for(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not come true in 20 s")
        time.sleep(0.05)
