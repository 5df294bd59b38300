"""Maps over shards, on the cores of this host and on a real Dask cluster."""

import importlib.util
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from prefect import flow
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

import tasks.support.shard_maps
from data.base.errors import PipelineError
from data.manifest.table import read_manifest
from data.records.scores import SCORES_TABLE
from data.workspace.digests import checksum_files, hash_json
from flows.server.environment import CLIENT_LOGIN_VARIABLE
from flows.server.shared import prefect_server
from tasks.support.shard_maps import shard_map, work_on_shard
from tests.support.emotion_command import EMOTION
from tests.support.score_factory import draw_photos
from tests.support.tiny_export import make_export

NEEDS_DASK = pytest.mark.dask

NOT_COMPARED = ("_complete.json", "child.log")
"""Files of views that name times, or that a child command alone writes."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let flows of this process use a Prefect server; workers of Dask are told of it."""
    with (
        prefect_server(tmp_path_factory.mktemp("server"), 120) as url,
        temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: os.environ[CLIENT_LOGIN_VARIABLE]}),
    ):
        yield


@pytest.fixture
def cluster(server: None) -> Iterator[Any]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster:
        yield cluster


def train(workspace: Path, scheduler: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [EMOTION, "run", "--source", "sample", "--preset", "smoke", "--variants", "light", "--plain"],
        env={**os.environ, "EMOTION_WORKSPACE": str(workspace), "EMOTION_DASK": scheduler, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def read_only_manifest(workspace: Path) -> pd.DataFrame:
    (path,) = workspace.glob("manifests/*/manifest.parquet")
    return read_manifest(path)


def test_without_a_scheduler_the_cores_of_this_host_work() -> None:
    with shard_map() as map_shards:
        assert list(map_shards(hash_json, range(9))) == [hash_json(shard) for shard in range(9)]


def test_a_worker_with_other_code_is_refused() -> None:
    with pytest.raises(PipelineError, match=r"the code 0123, this worker of Dask has [0-9a-f]{16}: install the same"):
        work_on_shard.fn("hash 1", "data.workspace.digests", "0123", b"")


@pytest.mark.skipif(bool(importlib.util.find_spec("prefect_dask")), reason="prefect-dask is installed")
def test_a_missing_package_is_named() -> None:
    with pytest.raises(PipelineError, match=r"requirements-dask\.lock"), shard_map("tcp://127.0.0.1:1"):
        pass


@NEEDS_DASK
def test_an_address_where_nothing_answers_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.support.shard_maps, "CONNECT_SECONDS", 1)
    no_answer = pytest.raises(PipelineError, match="no answer from a scheduler of Dask at EMOTION_DASK=tcp://127")
    with no_answer, shard_map("tcp://127.0.0.1:9"):
        pass


@NEEDS_DASK
def test_a_scheduler_without_workers_is_an_error() -> None:
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as cluster,
        pytest.raises(PipelineError, match="without workers"),
        shard_map(cluster.scheduler_address),
    ):
        pass


@NEEDS_DASK
def test_manifest_and_views_by_dask_are_those_of_one_host(tmp_path: Path, cluster: Any) -> None:
    on_dask = train(tmp_path / "dask", cluster.scheduler_address)
    assert on_dask.returncode == 0, on_dask.stderr[-3000:]
    assert "has 2 threads" in on_dask.stdout + on_dask.stderr
    assert train(tmp_path / "here", "").returncode == 0
    pd.testing.assert_frame_equal(read_only_manifest(tmp_path / "dask"), read_only_manifest(tmp_path / "here"))
    (made,), (here,) = ((tmp_path / name).glob("views/[0-9a-f]*") for name in ("dask", "here"))
    records = {name: found for name, found in checksum_files(here).items() if name not in NOT_COMPARED}
    assert records.items() <= checksum_files(made).items() and len(records) > 4


@NEEDS_DASK
def test_photos_scored_by_dask_have_the_scores_of_one_host(tmp_path: Path, cluster: Any) -> None:
    photos, export = draw_photos(tmp_path / "photos", 250), make_export(tmp_path / "export")
    tables = []
    for name, scheduler in (("dask", cluster.scheduler_address), ("here", "")):
        before = cluster.scheduler.transition_counter
        done = subprocess.run(
            [EMOTION, "score", str(photos), "--export", str(export), "--faces", "given", "--out", str(tmp_path / name)],
            env={**os.environ, "EMOTION_WORKSPACE": str(tmp_path / "workspace" / name), "EMOTION_DASK": scheduler},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert (cluster.scheduler.transition_counter > before) == bool(scheduler), "the scheduler counts its work"
        tables.append(pd.read_parquet(tmp_path / name / SCORES_TABLE).drop(columns="scored_at"))
    pd.testing.assert_frame_equal(*tables, check_exact=False, rtol=0, atol=1e-6)
    assert len(tables[0]) == 250


@flow
def map_with_a_loss(scheduler: str, victim: int) -> list[str]:
    """Map while a worker is killed."""
    with shard_map(scheduler) as map_shards:
        results = map_shards(hash_json, range(40))
        first = next(results)
        os.kill(victim, signal.SIGKILL)
        return [first, *results]


@flow
def read_on(scheduler: str, path: Path) -> None:
    """Read a manifest on a worker."""
    with shard_map(scheduler) as map_shards:
        list(map_shards(read_manifest, [path]))


@NEEDS_DASK
def test_a_worker_that_is_killed_costs_no_result(cluster: Any) -> None:
    victim = next(iter(cluster.workers.values())).pid
    assert map_with_a_loss(cluster.scheduler_address, victim) == [hash_json(shard) for shard in range(40)]


@NEEDS_DASK
def test_what_a_function_raises_is_raised_here(tmp_path: Path, cluster: Any) -> None:
    pd.DataFrame({"path": ["a"]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(PipelineError, match="lacks the columns"):
        read_on(cluster.scheduler_address, tmp_path / "other.parquet")
