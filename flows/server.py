"""A Prefect server for the length of one run, where none is running already.

Never imports prefect: PREFECT_API_URL has to be set before prefect reads its settings.
"""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from data.errors import PipelineError
from data.workspace import PROJECT_ROOT

logger = logging.getLogger(__name__)

API_URL_VARIABLE = "PREFECT_API_URL"
STOP_SECONDS = 10.0


def quiet_environment(workspace: Path) -> dict[str, str]:
    """Return the settings under which Prefect keeps to this machine and to the workspace."""
    home = workspace.resolve() / "prefect"
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
    }


@contextmanager
def prefect_server(workspace: Path, start_seconds: float) -> Iterator[str]:
    """Yield the API URL of a Prefect server, starting one on 127.0.0.1 unless PREFECT_API_URL names one.

    Args:
        workspace: keeps the server's database and log.
        start_seconds: how long it may take to answer.

    Raises:
        PipelineError: the named server does not answer, or the started one did not come up in time.
    """
    named = os.environ.get(API_URL_VARIABLE)
    if named:
        _require_answer(named)
        yield named
        return
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    os.environ.update({**quiet_environment(workspace), API_URL_VARIABLE: url})
    process = _start(port, workspace)
    try:
        _wait_until_ready(process, url, start_seconds, workspace)
        yield url
    finally:
        del os.environ[API_URL_VARIABLE]
        _stop(process)


def _start(port: int, workspace: Path) -> subprocess.Popen[bytes]:
    log = _log_path(workspace)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.server_child", str(port)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=PROJECT_ROOT,  # -m looks for modules here first, and the user's directory may have a flows/ too
            start_new_session=True,  # Ctrl-C is for the run; the server has to hear of its end first
        )


def _log_path(workspace: Path) -> Path:
    return workspace.resolve() / "prefect" / "server.log"


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, seconds: float, workspace: Path) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise PipelineError(f"the Prefect server left with status {process.returncode}: see {_log_path(workspace)}")
        if server_answers(url):
            return
        time.sleep(0.2)
    raise PipelineError(
        f"the Prefect server did not answer within {seconds:.0f} s: see {_log_path(workspace)}, "
        "or raise EMOTION_SERVER_START_SECONDS"
    )


def _require_answer(url: str) -> None:
    if not server_answers(url):
        raise PipelineError(
            f"PREFECT_API_URL names {url}, but no Prefect server answers there: start it, or unset PREFECT_API_URL to "
            "have one started for the length of the run"
        )


def server_answers(url: str) -> bool:
    """Return whether a Prefect server answers at this API URL."""
    try:
        return requests.get(f"{url}/health", timeout=2).ok
    except requests.RequestException:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
