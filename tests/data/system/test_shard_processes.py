"""The map on several processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from data.base.errors import ChildKilled, PipelineError
from data.system.shard_processes import ALONE, ShardProcesses
from data.workspace.digests import hash_json

SHARDS = range(40)


def test_results_come_in_order_whoever_did_the_work() -> None:
    with ShardProcesses(3) as processes:
        assert list(processes(hash_json, SHARDS)) == list(map(hash_json, SHARDS))
        assert list(processes(hash_json, SHARDS)) == list(map(hash_json, SHARDS)), "the children serve a second map"
        assert len(psutil.Process().children()) >= 1
    assert not [child for child in psutil.Process().children() if "shard_worker" in " ".join(child.cmdline())]


@pytest.mark.parametrize(("processes", "shards"), [(1, 40), (4, ALONE), (4, 0)])
def test_one_process_or_few_shards_start_no_child(monkeypatch: pytest.MonkeyPatch, processes: int, shards: int) -> None:
    monkeypatch.setattr(sys, "executable", "/does/not/exist")
    with ShardProcesses(processes) as alone:
        assert list(alone(hash_json, range(shards))) == [hash_json(shard) for shard in range(shards)]


def test_shards_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def shards() -> Iterator[int]:
        for shard in SHARDS:
            taken.append(shard)
            yield shard

    with ShardProcesses(1) as alone:
        results = alone(hash_json, shards())
        next(results)
        assert taken == [0]


def test_an_error_in_a_child_is_raised_here() -> None:
    with ShardProcesses(2) as processes, pytest.raises(FileNotFoundError):
        list(processes(os.listdir, ["/"] * (ALONE + 1) + ["/does/not/exist"] * 9))


def test_what_a_function_prints_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    with ShardProcesses(2) as processes:
        assert list(processes(print, SHARDS)) == [None] * len(SHARDS)


@pytest.mark.parametrize(("ending", "error"), [("kill -9 $$", ChildKilled), ("exit 2", PipelineError)])
def test_a_child_that_ends_early_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, error: type[PipelineError]
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{ending}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with ShardProcesses(2) as processes, pytest.raises(error, match="worked on a shard") as caught:
        list(processes(hash_json, SHARDS))
    assert type(caught.value) is error


def test_children_end_with_a_parent_that_is_killed() -> None:
    program = (
        "import time; from data.system.shard_processes import ShardProcesses\n"
        "for _ in ShardProcesses(2)(time.sleep, [0.1] * 999): print('.', flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        while not (children := psutil.Process(parent.pid).children()):
            parent.stdout.readline()
        parent.kill()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
