"""Time and peak memory of each stage of `emotion ingest` on growing data sets of generated images.

`python -m benchmarks.ingest.growth --out DIR [--images 20000 ...] [--dask WORKERS]` writes the images below DIR once,
and prints a row for each stage and size. With `--dask` a Dask cluster of so many processes of this machine does what
can be shared. The memory of a stage is the largest sum over the command and its children, and that of Dask's workers
has a column of its own; the Prefect server is not in it. The workspace is on the same disk as DIR and is removed after
each size.
"""

import argparse
import os
import shutil
import subprocess
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import psutil

from benchmarks.command import EMOTION
from benchmarks.ingest.one_source import watch_memory
from benchmarks.ingest.pictures import write_pictures
from data.workspace.atomic import RECORD_NAME
from data.workspace.layout import CHANGES_STAGE, DATASETS_STAGE, IMAGES_STAGE, MANIFESTS_STAGE, VERDICTS_STAGE

SIZES = (20_000, 100_000, 1_000_000)
STAGES = (IMAGES_STAGE, MANIFESTS_STAGE, DATASETS_STAGE, CHANGES_STAGE, VERDICTS_STAGE)


class Sample(NamedTuple):
    """Memory at one moment."""

    time: float
    """Seconds since 1970."""
    memory: int
    """Bytes of the command and its children, without the server."""
    workers: int
    """Bytes of Dask's workers."""


def ingest(source: Path, workspace: Path, scheduler: str) -> tuple[float, list[Sample]]:
    """Ingest once, and return the time of the start and the samples of the memory."""
    limits = {"EMOTION_MAX_FILES": "10000000", "EMOTION_MAX_TOTAL_BYTES": str(1 << 40)}
    environment = {**os.environ, **limits, "EMOTION_WORKSPACE": str(workspace), "EMOTION_DASK": scheduler}
    started = time.time()
    log = workspace.with_suffix(".log")
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(
            [EMOTION, "ingest", "--source", str(source)], env=environment, stdout=output, stderr=output
        ) as process,
    ):
        samples = [Sample(time.time(), memory, _measure_workers(process)) for memory, _ in watch_memory(process)]
    if not list(workspace.glob(f"{VERDICTS_STAGE}/*/{RECORD_NAME}")):
        raise SystemExit(f"ingesting {source} ended with status {process.returncode} and no verdict: see {log}")
    return started, samples


def measure(source: Path, images: int, workspace: Path, scheduler: str) -> list[dict[str, Any]]:
    """Ingest once, and return a row for each stage: its end is when its record was written."""
    begin, samples = ingest(source, workspace, scheduler)
    rows, total = [], samples[-1].time - begin
    for stage in STAGES:
        (record,) = workspace.glob(f"{stage}/*/{RECORD_NAME}")
        end = record.stat().st_mtime
        rows.append(_tabulate(images, stage, end - begin, [one for one in samples if begin <= one.time <= end]))
        begin = end
    return [*rows, _tabulate(images, "all", total, samples)]


def _measure_workers(command: subprocess.Popen[bytes]) -> int:
    """Return the bytes of this program's other children, which are Dask's workers."""
    total = 0
    for child in psutil.Process().children():
        with suppress(psutil.Error):  # it has ended
            total += child.memory_info().rss if child.pid != command.pid else 0
    return total


def _tabulate(images: int, stage: str, seconds: float, samples: list[Sample]) -> dict[str, Any]:
    return {
        "images": images,
        "stage": stage,
        "seconds": round(seconds, 1),
        "microseconds an image": round(seconds / images * 1e6),
        "peak MiB": max((one.memory for one in samples), default=0) >> 20,
        "workers, peak MiB": max((one.workers for one in samples), default=0) >> 20,
    }


def dask_cluster(workers: int) -> AbstractContextManager[Any]:
    """Return a cluster of this machine; its `scheduler_address` is empty without workers."""
    if not workers:
        return nullcontext()
    from distributed import LocalCluster

    return LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, host="127.0.0.1")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="directory for the images and the workspaces")
    parser.add_argument("--images", type=int, nargs="+", default=SIZES)
    parser.add_argument("--dask", type=int, default=0, metavar="WORKERS", help="processes of a Dask cluster")
    options = parser.parse_args()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for images in options.images:
        source = out / f"{images}.parquet"
        if not source.exists():
            write_pictures(source.with_suffix(".unfinished"), images)
            source.with_suffix(".unfinished").replace(source)
        workspace = out / f"workspace-{images}-{options.dask}"
        shutil.rmtree(workspace, ignore_errors=True)
        with dask_cluster(options.dask) as cluster:
            rows = measure(source, images, workspace, cluster.scheduler_address if cluster else "")
        print(pd.DataFrame(rows).to_string(index=False), flush=True)
        shutil.rmtree(workspace)


if __name__ == "__main__":
    main()
