"""MLflow's own server scores the champion, on 127.0.0.1 and in this environment."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import requests

from data.workspace.mark import claim_root
from models.registry.champion import ModelRegistry
from models.registry.tags import version_tags
from models.registry.tracking import TrackSpec, track_report
from tests.support.registry_factory import make_report
from tests.support.tiny_network import save_tiny_network
from tests.support.up_command import free_port

START_SECONDS = 200


@contextmanager
def served(workspace):
    """Serve the champion of a workspace; its whole process group is ended after."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", "models:/emotion@champion"]
    options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    uri = f"sqlite:///{workspace}/mlflow/mlflow.db"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # as where the environment is activated
    with (workspace / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *options],
            cwd=workspace,
            env={**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": uri, "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until_up(process, f"http://127.0.0.1:{port}", workspace / "serve.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):  # it left by itself
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_up(process, url, log):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            if requests.get(f"{url}/ping", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-2000:])


@pytest.mark.slow
def test_mlflow_serves_the_champion(tmp_path):
    network = save_tiny_network(tmp_path / "model.keras")
    workspace = tmp_path / "workspace"
    claim_root(workspace)
    report = make_report(workspace, "report1", tmp_path / "model.keras")
    tracked = track_report(TrackSpec(report=report, workspace=workspace, workspace_id="here"))
    registry = ModelRegistry(workspace)
    version = registry.register(tracked.variants["compact"], version_tags("compact", "compact", "report1", "here"))
    registry.move_champion(version, "test", "the first")
    images = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 1)).astype(np.uint8)
    with served(workspace) as url:
        answer = requests.post(f"{url}/invocations", json={"inputs": images.tolist()}, timeout=60)
        refused = requests.post(f"{url}/invocations", json={"inputs": images[:, :40].tolist()}, timeout=60)
    assert answer.ok, answer.text
    predictions = json.loads(answer.text)["predictions"]
    np.testing.assert_allclose(predictions, network.predict(images, verbose=0), atol=1e-5)
    assert refused.status_code == 400
