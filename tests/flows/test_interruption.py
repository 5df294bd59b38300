"""A run that is interrupted, however it is, leaves no process, and the next one goes on from there."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from data.records.run import RunResults
from tests.support.emotion_command import EMOTION

pytestmark = pytest.mark.slow

COMMAND = ["run", "--preset", "smoke", "--variants", "cnn_gray", "--parallel", "1"]
LEFT_SECONDS = 15


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return tmp_path_factory.mktemp("interrupted") / "workspace"


class Run:
    """An `emotion run` in a process group of its own, its log in a file."""

    def __init__(self, workspace: Path, name: str) -> None:
        self.log = workspace.parent / f"{name}.log"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [EMOTION, *COMMAND],
                env={**environment, "EMOTION_WORKSPACE": str(workspace)},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.family: list[psutil.Process] = []

    def wait_for(self, pattern: str) -> None:
        """Wait until the log has the pattern, and remember the processes that are there then."""
        deadline = time.monotonic() + 200
        while not re.search(pattern, self.log.read_text()):
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.1)
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def child(self, module: str) -> psutil.Process:
        (found,) = [process for process in self.family if module in process.cmdline()]
        return found

    def finish(self) -> str:
        assert self.process.wait(250) == 0, self.log.read_text()[-3000:]
        return self.log.read_text()


def read_results(workspace: Path) -> RunResults:
    newest = max(workspace.glob("reports/*/results.json"), key=lambda path: path.stat().st_mtime)
    return RunResults.model_validate_json(newest.read_text())


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM to the parent", "kill -9 of the parent"])
def test_no_process_outlives_an_interrupted_run(workspace, how):
    run = Run(workspace, how.replace(" ", "-"))
    run.wait_for(r"cnn_gray: planned 2 epochs")
    assert run.child("models.training.fit")
    if how == "Ctrl-C":
        os.killpg(run.process.pid, signal.SIGINT)
    else:
        run.process.send_signal(signal.SIGTERM if how.startswith("SIGTERM") else signal.SIGKILL)
    _, alive = psutil.wait_procs([psutil.Process(run.process.pid), *run.family], timeout=LEFT_SECONDS)
    run.process.wait(LEFT_SECONDS)
    assert [process.cmdline() for process in alive if process.is_running()] in ([], [[]])
    half_written = [path for path in workspace.glob("variants/*") if not path.name.startswith(".")]
    assert half_written == []


def test_the_next_run_goes_on_and_a_killed_child_is_resumed(workspace):
    run = Run(workspace, "next")
    run.wait_for(r"cnn_gray: epoch 1/2, loss")
    run.child("models.training.fit").kill()
    log = run.finish()
    assert "cnn_gray: resumed after epoch 1" in log
    variant, _ = read_results(workspace).variants  # and the ensemble, for which one variant is too few
    assert [record.epoch for record in variant.epochs] == [1, 2]
    assert [record.resumed for record in variant.epochs] == [False, True]
