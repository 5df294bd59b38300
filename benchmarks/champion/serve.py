"""The web service of the champion beside `mlflow models serve`.

Run it from the checkout: `python -m benchmarks.champion.serve WORKSPACE [REQUESTS]`.

The workspace has a champion with an export. Both services answer on the same face, ours as a PNG, MLflow's as
JSON. REQUESTS is the number after which the memory of `emotion serve` is measured (50,000). MLflow's, which needs
tenths of a second for each, gets a twentieth of them.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import requests
from PIL import Image

from benchmarks.command import EMOTION, run_module
from data.base.data_format import DataFormat
from data.base.errors import PipelineError
from data.base.markdown import table_lines
from data.sample.faces import draw_face
from models.export.find import champion_export
from models.registry.connection import MODEL_NAME, URI_VARIABLE, tracking_uri
from serving.predictor import Predictor

CLIENTS = (1, 4, 16)
REQUESTS, OTHERS_SHARE = 50_000, 0.05
TIMED_REQUESTS = 2_000
STARTS = 3
START_SECONDS = 120
NETWORK_REPEATS = 200


class Target(NamedTuple):
    """A service and what it is asked."""

    name: str
    command: list[str]
    url: str
    ready: str
    """URL that answers with 200 as soon as the service can answer."""
    body: bytes
    kind: str
    environment: dict[str, str]
    share: float = 1.0
    """Of the requests that are sent."""


def make_targets(workspace: Path, data_format: DataFormat) -> list[Target]:
    """Return both services, each on a port of its own and with the same face as its body."""
    pixels = _draw(data_format)
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, "PNG")
    ours, theirs = 8791, 8792
    serve = [EMOTION, "serve", "--port", str(ours)]
    mlflow = [str(Path(sys.executable).with_name("mlflow")), "models", "serve", "--env-manager", "local"]
    mlflow += ["--model-uri", f"models:/{MODEL_NAME}@champion", "--port", str(theirs), "--host", "127.0.0.1"]
    return [
        Target(
            "`emotion serve`",
            serve,
            f"http://127.0.0.1:{ours}/predict",
            f"http://127.0.0.1:{ours}/health",
            file.getvalue(),
            "image/png",
            {"EMOTION_WORKSPACE": str(workspace)},
        ),
        Target(
            "`mlflow models serve`",
            mlflow,
            f"http://127.0.0.1:{theirs}/invocations",
            f"http://127.0.0.1:{theirs}/ping",
            json.dumps({"inputs": pixels[None].tolist()}).encode(),
            "application/json",
            {URI_VARIABLE: tracking_uri(workspace), "MLFLOW_REGISTRY_URI": tracking_uri(workspace)},
            OTHERS_SHARE,
        ),
    ]


def _draw(data_format: DataFormat) -> np.ndarray:
    face = Image.fromarray(draw_face("happy", np.random.default_rng(0))).resize((data_format.width, data_format.height))
    return np.asarray(face.convert("L" if data_format.channels == 1 else "RGB")).reshape(data_format.shape)


@contextmanager
def running(target: Target) -> Iterator[tuple[psutil.Process, float]]:
    """Start a service, and yield its process with the seconds until it could answer."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # MLflow starts uvicorn by its name
    fixed = {"PATH": programs, "NO_PROXY": "127.0.0.1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment = {**os.environ, **target.environment, **fixed}
    started = time.perf_counter()
    process = subprocess.Popen(target.command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watched = psutil.Process(process.pid)
    try:
        while not _is_ready(target.ready):
            if process.poll() is not None or time.perf_counter() - started > START_SECONDS:
                raise PipelineError(f"{' '.join(target.command)} ended, or did not answer within {START_SECONDS} s")
            time.sleep(0.02)
        yield watched, time.perf_counter() - started
    finally:
        family = [watched, *watched.children(recursive=True)] if watched.is_running() else []
        for one in family:
            one.terminate()
        psutil.wait_procs(family, 20)


def _is_ready(url: str) -> bool:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


def resident_mib(process: psutil.Process) -> float:
    """Return the resident memory of a process and its children in MiB."""
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True))) / 2**20


def measure(target: Target, many: int) -> list[dict[str, Any]]:
    """Measure start-up, latency and throughput at each number of clients, and memory before and after many requests."""
    starts = []
    for _ in range(STARTS - 1):
        with running(target) as (_, seconds):
            starts.append(seconds)
    with tempfile.NamedTemporaryFile() as file, running(target) as (process, seconds):
        starts.append(seconds)
        Path(file.name).write_bytes(target.body)

        def ask(clients: int, count: int) -> dict[str, Any]:
            arguments = (target.url, str(clients), str(count), file.name, target.kind)
            return run_module("benchmarks.champion.serve_load", *arguments).printed[-1]

        ask(1, 100)  # what the first answers cost counts for nothing
        before = resident_mib(process)
        timed = min(TIMED_REQUESTS, many // 10)
        rows = [ask(clients, timed) for clients in CLIENTS]
        left = max(100, many - timed * len(CLIENTS))
        ask(CLIENTS[1], left)
        after = resident_mib(process)
    start = sorted(starts)[len(starts) // 2]
    return [
        {
            "service": target.name,
            "clients": row["clients"],
            "requests a second": f"{row['a second']:.0f}",
            "median ms": f"{row['p50']:.1f}",
            "95 % below ms": f"{row['p95']:.1f}",
            "99 % below ms": f"{row['p99']:.1f}",
            "failed": row["requests"] - row["statuses"].get("200", 0),
            "start s": f"{start:.1f}",
            "MiB before": f"{before:.0f}",
            "MiB after": f"{after:.0f} ({many:,} requests)",
        }
        for row in rows
    ]


def measure_network(export: Path) -> float:
    """Return the median milliseconds that the network alone needs for one face."""
    predictor = Predictor.load(export)
    face = _draw(predictor.bundle.data_format)[None]
    seconds = []
    for _ in range(NETWORK_REPEATS):
        started = time.perf_counter()
        predictor.network.probabilities(face)
        seconds.append(time.perf_counter() - started)
    return 1000 * float(np.median(seconds))


def main() -> None:
    """Print the table."""
    workspace, many = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else REQUESTS
    _, export = champion_export(workspace)
    if export is None:
        raise PipelineError(f"got no export of a champion in {workspace}, expected one: run emotion run, then export")
    data_format = Predictor.load(export).bundle.data_format
    print(f"the network alone, one face: {measure_network(export):.2f} ms (median)\n")
    for target in make_targets(workspace.resolve(), data_format):
        rows = measure(target, round(target.share * many))
        print("\n".join(table_lines(list(rows[0]), [[str(cell) for cell in row.values()] for row in rows])), flush=True)


if __name__ == "__main__":
    main()
