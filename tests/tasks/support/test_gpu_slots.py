"""Processes of one host spread over its GPUs, never wait, and give a GPU back when they die."""

import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack

import pytest

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
def take(tmp_path):
    """Return a function that takes a GPU as another process would; the stack that it returns gives it back."""
    every = []

    def take_one(*devices):
        every.append(ExitStack())
        return every[-1].enter_context(take_gpu(devices, tmp_path)), every[-1]

    yield take_one
    for stack in every:
        stack.close()


def test_each_gets_the_gpu_that_fewest_others_have(take):
    assert [take("0", "1", "3")[0] for _ in range(7)] == ["0", "1", "3", "0", "1", "3", "0"]


def test_a_gpu_that_became_idle_is_the_next(take):
    (_, first), (_, second), (third, _) = (take("0", "1") for _ in range(3))
    first.close()
    second.close()
    assert (third, take("0", "1")[0]) == ("0", "1")


def test_only_the_gpus_that_are_free_in_a_run_are_asked_for(take):
    found = [take(*devices)[0] for devices in [("0", "1", "2"), ("1", "2"), ("0", "1", "2"), ("0", "1")]]
    assert found == ["0", "1", "2", "0"]


def test_a_gpu_is_free_again_after_its_training(tmp_path):
    for _ in range(2):
        with take_gpu(["0", "1"], tmp_path) as device:
            assert device == "0"


def test_so_many_trainings_are_not_spread_but_none_waits(take, monkeypatch):
    monkeypatch.setattr("tasks.support.gpu_slots.MOST_SHARED", 1)
    assert [take("0", "1")[0] for _ in range(4)] == ["0", "1", "0", "0"]


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


def test_without_a_folder_of_ones_own_everybody_gets_the_first(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with take_gpu(["0", "1"]):
        [folder] = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not caplog.records
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with take_gpu(["0", "1"]) as one, take_gpu(["0", "1"]) as other:
        assert (one, other) == ("0", "0")
    folder.unlink()
    folder.touch()
    with take_gpu(["0", "1"]) as device:
        assert device == "0"
    assert len(caplog.records) == 3 and "another user" in caplog.records[0].getMessage()


def test_one_gpu_alone_needs_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with take_gpu(["0"]) as device:
        assert (device, list(tmp_path.iterdir())) == ("0", [])
