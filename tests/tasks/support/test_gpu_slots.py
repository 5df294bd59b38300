"""Processes of one host spread over its GPUs, never wait, and give a GPU back when they die."""

import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack

import pytest

from data.base.errors import PipelineError
from tasks.support.gpu_slots import take_gpu

HOLDER = """
import sys, time
from pathlib import Path
from tasks.support.gpu_slots import take_gpu
with take_gpu(sys.argv[2:], Path(sys.argv[1])) as device:
    print(device, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def taken(tmp_path):
    """Take GPUs as other processes would, until the test ends."""
    with ExitStack() as stack:
        yield lambda *devices: stack.enter_context(take_gpu(devices, tmp_path))


def test_each_gets_the_gpu_that_fewest_others_use(taken):
    assert [taken("0", "1", "3") for _ in range(7)] == ["0", "1", "3", "0", "1", "3", "0"]


def test_only_the_gpus_that_are_free_in_a_run_are_asked_for(taken):
    assert [taken("0", "1"), taken("1"), taken("0", "1"), taken("0", "1")] == ["0", "1", "0", "1"]


def test_a_gpu_is_free_again_after_its_training(tmp_path):
    for _ in range(2):
        with take_gpu(["0", "1"], tmp_path) as device:
            assert device == "0"


def test_so_many_trainings_are_not_spread_but_none_waits(taken, monkeypatch):
    monkeypatch.setattr("tasks.support.gpu_slots.MOST_SHARED", 1)
    assert [taken("0", "1") for _ in range(4)] == ["0", "1", "0", "0"]


def test_a_process_that_is_killed_gives_its_gpu_back(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), "0", "1"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline().strip() == "0"
        with take_gpu(["0", "1"], tmp_path) as device:
            assert device == "1"
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with take_gpu(["0", "1"], tmp_path) as device:
        assert device == "0"


def test_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with take_gpu(["0"]):
        [folder] = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PipelineError, match="of another user"), take_gpu(["0"]):
        pass
