"""Prefect server that the runs of a workspace share if PREFECT_API_URL names no server.

The first run starts it and names it in workspace/server.json. Other runs use the same server, because two servers on
one database disturb each other. Each user holds a shared lock on workspace/prefect/server.users; the system releases
the lock of a process that dies. The last user ends the server, even if another one started it. If the last user is
killed, the server itself gets an exclusive lock and exits.

The server of `emotion up` is named in the same file and marked as kept: runs use it, and it stays when they leave.

Never imports prefect, because prefect reads its settings when it is imported.
"""

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil
import requests
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from data.workspace.atomic import write_atomically
from data.workspace.mark import claim_root
from flows.server.environment import (
    API_URL_VARIABLE,
    CLIENT_LOGIN_VARIABLE,
    LOOPBACK,
    RUN_ENVIRONMENT,
    _home,
    login_environment,
    server_environment,
)
from flows.server.password import workspace_login
from flows.server.waiting import wait_until
from flows.settings import load_settings

RECORD_NAME = "server.json"

ANSWER_SECONDS = 20.0
"""Seconds that a server which is busy with other runs may take to answer a new run."""

STOP_SECONDS = 10.0


class ServerRecord(BaseModel):
    """Running server, as stored in workspace/server.json."""

    model_config = ConfigDict(frozen=True)

    url: str
    pid: int
    """Process of the server; of a kept server, the process that restarts it."""
    kept: bool = False
    """True if `emotion up` keeps it: then it does not end with its runs."""


@contextmanager
def prefect_server(workspace: Path, start_seconds: float) -> Iterator[str]:
    """Yield the API URL of the server in PREFECT_API_URL, or of the workspace's server, which is started if needed.

    Args:
        workspace: root of the workspace, which holds the server's database and log.
        start_seconds: time that a server may take to start.

    Raises:
        PipelineError: the named server does not answer or asks for another password, or the started server was not
            ready in time.
    """
    os.environ.update(RUN_ENVIRONMENT)
    named = os.environ.get(API_URL_VARIABLE)
    if named:
        os.environ.update(client_environment(named, workspace))
        _require_answer(named)
        _require_login(named)
        yield named
        return
    with _shared_server(workspace, start_seconds) as url:
        os.environ.update({**server_environment(workspace), API_URL_VARIABLE: url})
        try:
            _require_login(url)
            yield url
        finally:
            del os.environ[API_URL_VARIABLE]


def client_environment(url: str, workspace: Path) -> dict[str, str]:
    """Return the environment with which prefect uses the server at this API URL, with the password that we know for it.

    The workspace's own password is for the workspace's own server, and is sent to no other.
    """
    login, record = load_settings().prefect_auth.get_secret_value(), _read_record(workspace)
    if not login and record and record.url == url and _lives(record, workspace):
        login = workspace_login(workspace)
    return {**RUN_ENVIRONMENT, API_URL_VARIABLE: url, **login_environment(login)}


def ends_with_its_runs(url: str, workspace: Path) -> bool:
    """Tell whether the server at this API URL was started by runs of the workspace, and so ends with them."""
    record = _read_record(workspace)
    return record is not None and record.url == url and not record.kept


def keep_server(workspace: Path, url: str, start: Callable[[], int]) -> None:
    """Start a server that stays, and store it in workspace/server.json for later runs.

    Meanwhile no run can look for a server or start one.

    Args:
        workspace: root of the workspace whose runs use it.
        url: URL of its API.
        start: starts it and returns the process that restarts it, whose command line contains `kept_mark`.

    Raises:
        PipelineError: runs use a server that ends with them.
    """
    claim_root(workspace.resolve())
    _home(workspace).mkdir(exist_ok=True)
    with FileLock(_home(workspace) / "server.lock"):
        record = _read_record(workspace)
        if record and not record.kept and _lives(record, workspace):
            raise PipelineError(
                f"runs of this workspace use a server that they started (process {record.pid}, {record.url}), and two "
                "servers on one database disturb each other: wait until the runs end, or stop them"
            )
        _write_record(ServerRecord(url=url, pid=start(), kept=True), workspace)


def forget_kept_server(workspace: Path) -> None:
    """Delete the record of the kept server, so that later runs start a server."""
    with FileLock(_home(workspace) / "server.lock"):
        record = _read_record(workspace)
        if record and record.kept:
            _record_path(workspace).unlink(missing_ok=True)


def has_server(workspace: Path) -> bool:
    """Tell whether runs of the workspace have a server: one that is named, or a database of an earlier one."""
    return bool(os.environ.get(API_URL_VARIABLE)) or (_home(workspace) / "prefect.db").exists()


def find_kept_server(workspace: Path) -> str:
    """Return the API URL of the server that `emotion up` keeps for the workspace, or an empty string."""
    record = _read_record(workspace)
    return record.url if record and record.kept and _lives(record, workspace) else ""


def kept_mark(workspace: Path) -> Path:
    """Return the configuration file of the process that restarts a kept server; its command line contains the path."""
    return workspace.resolve() / "up" / "supervisord.conf"


def live_server(workspace: Path) -> str:
    """Return the API URL of a Prefect server that is running, for this workspace or for all, or an empty string."""
    named = os.environ.get(API_URL_VARIABLE)
    if named:
        return named if server_answers(named) else ""
    record = _read_record(workspace)
    return record.url if record and _lives(record, workspace) and server_answers(record.url) else ""


def server_answers(url: str, timeout_seconds: float = 2) -> bool:
    """Tell whether a Prefect server answers at this API URL."""
    try:
        return requests.get(f"{url}/health", timeout=timeout_seconds).ok
    except requests.RequestException:
        return False


@contextmanager
def _shared_server(workspace: Path, start_seconds: float) -> Iterator[str]:
    claim_root(workspace.resolve())
    _home(workspace).mkdir(exist_ok=True)
    with _users_path(workspace).open("ab+") as users:
        with FileLock(_home(workspace) / "server.lock"):  # one run at a time looks for a server and starts it
            fcntl.flock(users, fcntl.LOCK_SH)  # waits while the last user of an earlier server ends it
            record, process = _find_server(workspace, start_seconds), None
            if record is None:
                record, process = _start(workspace, start_seconds)
        try:
            yield record.url
        finally:
            _leave(users, workspace)
            if process:
                process.poll()


def _find_server(workspace: Path, start_seconds: float) -> ServerRecord | None:
    """Return the server of workspace/server.json if it runs and answers; wait for a kept server that is starting."""
    record = _read_record(workspace)
    if not record or not _lives(record, workspace):
        return None
    if record.kept:
        late = (
            f"the server that emotion up keeps at {record.url} did not answer within {start_seconds:.0f} s: look at "
            "emotion status, or raise EMOTION_SERVER_START_SECONDS"
        )
        wait_until(lambda: server_answers(record.url), start_seconds, lambda: late)
        return record
    return record if server_answers(record.url, ANSWER_SECONDS) else None


def _start(workspace: Path, seconds: float) -> tuple[ServerRecord, subprocess.Popen[bytes]]:
    port = _free_port()
    url = f"http://{LOOPBACK}:{port}/api"
    with _log_path(workspace).open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.server.process", LOOPBACK, str(port), str(_users_path(workspace))],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=PROJECT_ROOT,  # -m searches this directory first, and the user's directory may contain a flows/ too
            env={**os.environ, **server_environment(workspace), API_URL_VARIABLE: url},
            start_new_session=True,  # Ctrl-C is for the run, which tells the server of its end before the server ends
        )
    record = ServerRecord(url=url, pid=process.pid)
    try:
        _wait_until_ready(process, url, seconds, workspace)
        _write_record(record, workspace)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return record, process


def _leave(users: IO[bytes], workspace: Path) -> None:
    """Stop using the server, and end it if no other process uses it."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    record = _read_record(workspace)
    if record and _lives(record, workspace):
        if record.kept:
            return
        _end(record.pid)
    _record_path(workspace).unlink(missing_ok=True)


def _lives(record: ServerRecord, workspace: Path) -> bool:
    """Tell whether the process runs and is a server of this workspace, not a later process with the same number."""
    mark = kept_mark(workspace) if record.kept else _users_path(workspace)
    try:
        return str(mark) in psutil.Process(record.pid).cmdline()
    except psutil.Error:
        return False


def _end(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        server = psutil.Process(pid)
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except psutil.TimeoutExpired:
            server.kill()
            server.wait(STOP_SECONDS)


def _read_record(workspace: Path) -> ServerRecord | None:
    try:
        return ServerRecord.model_validate_json(_record_path(workspace).read_bytes())
    except (OSError, ValidationError):
        return None


def _write_record(record: ServerRecord, workspace: Path) -> None:
    write_atomically(_record_path(workspace), record.model_dump_json())


def _record_path(workspace: Path) -> Path:
    return workspace.resolve() / RECORD_NAME


def _users_path(workspace: Path) -> Path:
    return _home(workspace) / "server.users"


def _log_path(workspace: Path) -> Path:
    return _home(workspace) / "server.log"


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, seconds: float, workspace: Path) -> None:
    log = _log_path(workspace)

    def is_ready() -> bool:
        if process.poll() is not None:
            raise PipelineError(f"the Prefect server ended with status {process.returncode}: see {log}")
        return server_answers(url)

    late = f"the Prefect server did not answer within {seconds:.0f} s: see {log}, or raise EMOTION_SERVER_START_SECONDS"
    wait_until(is_ready, seconds, lambda: late)


def _require_answer(url: str) -> None:
    if not server_answers(url):
        raise PipelineError(
            f"PREFECT_API_URL names {url}, but no Prefect server answers there: start it, or unset PREFECT_API_URL so "
            "that the run starts a server"
        )


def _require_login(url: str) -> None:
    """Check that the server accepts the password of this process; Prefect Cloud has a key instead."""
    if os.environ.get("PREFECT_API_KEY"):
        return
    user, _, password = os.environ.get(CLIENT_LOGIN_VARIABLE, "").partition(":")
    answer = requests.get(f"{url}/admin/version", auth=(user, password) if user else None, timeout=ANSWER_SECONDS)
    if answer.status_code == requests.codes.unauthorized:
        raise PipelineError(
            f"the Prefect server at {url} asks for another password: set EMOTION_PREFECT_AUTH to its USER:PASSWORD"
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]
