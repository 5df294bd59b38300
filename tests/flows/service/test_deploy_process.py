"""The process that deploys: it does nothing unless it is told that the server answers."""

import os
import subprocess
import sys

import pytest

from data.base.paths import PROJECT_ROOT
from flows.server.environment import API_URL_VARIABLE

pytestmark = pytest.mark.slow

NO_SERVER = {API_URL_VARIABLE: "http://127.0.0.1:9/api", "PREFECT_CLIENT_MAX_RETRIES": "0"}


@pytest.mark.parametrize(("line", "fails"), [("", False), ("now\n", True)], ids=["the parent ended", "told to deploy"])
def test_it_deploys_only_when_it_is_told_to(line, fails):
    command = [sys.executable, "-m", "flows.service.deploy_process"]
    environment = {**os.environ, **NO_SERVER}
    outcome = subprocess.run(
        command, input=line, env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert bool(outcome.returncode) == fails, outcome.stderr[-2000:]
