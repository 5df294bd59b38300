"""Time and memory of checking a data set: `emotion ingest` in a new workspace.

`python -m benchmarks.ingest.one_source SOURCE [--repeats 3]` prints one line per repeat. The memory is the largest sum
over the command and all its child processes; memory pages that they share are counted once for each process. The
Prefect server has its own column, because its memory does not depend on the data.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil

from benchmarks.command import EMOTION

SAMPLED_EVERY_SECONDS = 0.2
SERVER_MODULE = "flows.server.process"


def measure(source: str, workspace: Path) -> dict[str, float]:
    """Ingest once and measure the seconds and the peak memory of the pipeline and of the server, in MiB."""
    environment = {**os.environ, "EMOTION_WORKSPACE": str(workspace)}
    command = [EMOTION, "ingest", "--source", source]
    started, pipeline, server = time.perf_counter(), 0, 0
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for of_pipeline, of_server in watch_memory(process):
            pipeline, server = max(pipeline, of_pipeline), max(server, of_server)
    if process.returncode:
        raise SystemExit(
            f"ingesting {source} ended with status {process.returncode}, expected 0: run {' '.join(command)} to see why"
        )
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "pipeline MiB": pipeline >> 20,
        "server MiB": server >> 20,
    }


def watch_memory(process: subprocess.Popen[bytes]) -> Iterator[tuple[int, int]]:
    """Yield the resident bytes of a command with its child processes, and of its server, five times a second."""
    family = psutil.Process(process.pid)
    while process.poll() is None:
        yield _sample_memory(family)
        time.sleep(SAMPLED_EVERY_SECONDS)


def _sample_memory(family: psutil.Process) -> tuple[int, int]:
    """Measure the current resident bytes of the command with its child processes, and those of its server."""
    pipeline, server = 0, 0
    for process in (family, *family.children(recursive=True)):
        try:
            resident = process.memory_info().rss
            if SERVER_MODULE in process.cmdline():
                server += resident
            else:
                pipeline += resident
        except psutil.Error:  # the process has ended
            continue
    return pipeline, server


def main() -> None:
    """Print one row per repeat."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", help="a folder, an archive's path or URL, or a Google Drive id or URL")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as workspace:
            rows.append(measure(options.source, Path(workspace)))
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
