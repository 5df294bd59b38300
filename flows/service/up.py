"""`emotion up`: keeps Prefect's server, a worker, MLflow's UI and three web servers running until told to end.

There are three levels, so that killing any of them leaves no process behind: this process starts supervisor's daemon,
the daemon starts the parts (flows/service/part_process.py), and each ends with its parent. If all are killed at once,
the next `emotion up` or `emotion down` ends what is left.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import psutil
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from data.workspace.atomic import try_lock, write_atomically
from data.workspace.mark import claim_root
from flows.server.environment import API_URL_VARIABLE, RUN_ENVIRONMENT, server_environment
from flows.server.shared import forget_kept_server, keep_server, kept_mark
from flows.server.waiting import wait_until
from flows.service.part_process import GRACE_SECONDS
from flows.service.parts import Part, addresses, configure_mlflow, is_ready, list_parts, require_free_ports
from flows.service.process_marks import UP_VARIABLE, end_processes, find_up_processes
from flows.service.supervisor import (
    LogFollower,
    PartState,
    Supervisor,
    log_path,
    remove_socket,
    stop,
    write_config,
)
from flows.settings import Settings, settings_environment
from models.registry.connection import shown_uri
from tasks.support.links import MLFLOW_PAGE_VARIABLE, REPORTS_URL_VARIABLE

FOLLOW_SECONDS = 0.5
LOOK_SECONDS = 1.0
"""Time for which another command that looks whether this one runs may hold its lock, many times over."""

DOWN_SECONDS = 3 * GRACE_SECONDS


class UpRecord(BaseModel):
    """Running `emotion up`, as stored in workspace/up/up.json for other commands."""

    model_config = ConfigDict(frozen=True)

    pid: int
    socket: Path
    addresses: dict[str, str]
    notifications: tuple[str, ...] = ()
    ready: bool = False


def run_up(settings: Settings, say: Callable[[str], None], ready: Callable[[UpRecord], None]) -> None:
    """Keep the parts running until Ctrl-C or SIGTERM, and end them all.

    Args:
        settings: addresses, ports and stores of the parts.
        say: receives each line of progress and of the parts' logs.
        ready: is called when every part answers.

    Raises:
        PipelineError: the workspace is up already, a port is taken, a part did not start, or supervisor's daemon
            ended.
    """
    claim_root(settings.workspace.resolve())
    folder = up_folder(settings.workspace)
    folder.mkdir(exist_ok=True)
    with _only_one(settings), _signals_interrupt():
        clear_leftovers(settings.workspace)
        require_free_ports(settings)
        os.environ.update(part_environment(settings))
        parts = list_parts(settings)
        supervisor = write_config(parts, kept_mark(settings.workspace))
        logs = LogFollower({part.name: log_path(folder, part.name) for part in parts})
        try:
            with _daemon(supervisor, settings) as daemon:
                record = _bring_up(parts, supervisor, daemon, settings, say)
                ready(record)
                _follow(logs, daemon, settings.workspace, say)
        except KeyboardInterrupt:
            say("ended")
        finally:
            clear_leftovers(settings.workspace)


def part_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the parts and of the worker's runs."""
    found = addresses(settings)
    python_path = os.pathsep.join(filter(None, (str(PROJECT_ROOT), os.environ.get("PYTHONPATH"))))
    return {
        **settings_environment(settings),
        **RUN_ENVIRONMENT,
        **server_environment(settings.workspace),
        **configure_mlflow(settings),
        API_URL_VARIABLE: f"{found['server']}/api",
        "PREFECT_UI_API_URL": "/api",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # it scores traces of language models
        "PYTHONPATH": python_path,
        REPORTS_URL_VARIABLE: found["reports"],
        **({MLFLOW_PAGE_VARIABLE: shown_uri(found["mlflow"])} if found["mlflow"].startswith("http") else {}),
        UP_VARIABLE: str(settings.workspace.resolve()),
    }


def start_detached(settings: Settings) -> UpRecord:
    """Start `emotion up` in its own session, and return when every part answers.

    Raises:
        PipelineError: it ended before that; the message is the one that it printed.
    """
    claim_root(settings.workspace.resolve())
    folder = up_folder(settings.workspace)
    folder.mkdir(exist_ok=True)
    with (folder / "up.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli.app", "up"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=PROJECT_ROOT,
            env={**os.environ, **settings_environment(settings)},
            start_new_session=True,
        )
    while process.poll() is None:
        record = read_up(settings.workspace)
        if record and record.pid == process.pid and record.ready:
            return record
        time.sleep(FOLLOW_SECONDS)
    said = (folder / "up.log").read_text(errors="replace").strip().splitlines()
    raise PipelineError((said[-1] if said else "emotion up ended at once").removeprefix("error "))


def end_up(settings: Settings) -> bool:
    """End the `emotion up` of the workspace and every process that it left; tell whether there was one.

    Raises:
        PipelineError: it did not end in time.
    """
    record = find_up(settings.workspace)
    if record:
        os.kill(record.pid, signal.SIGTERM)
        try:
            psutil.Process(record.pid).wait(DOWN_SECONDS)
        except psutil.NoSuchProcess:
            pass
        except psutil.TimeoutExpired as error:
            raise PipelineError(
                f"process {record.pid} did not end within {DOWN_SECONDS:.0f} s: kill it, and run emotion down again"
            ) from error
    return clear_leftovers(settings.workspace) or record is not None


def clear_leftovers(workspace: Path) -> bool:
    """End the processes that an earlier `emotion up` left running; tell whether there were any."""
    left = find_up_processes(up=str(workspace.resolve()))
    end_processes(left, GRACE_SECONDS)
    record = read_up(workspace)
    if record:
        remove_socket(record.socket)
        _record_path(workspace).unlink(missing_ok=True)
    if kept_mark(workspace).exists():
        forget_kept_server(workspace)
    return bool(left)


def find_up(workspace: Path) -> UpRecord | None:
    """Return the `emotion up` of the workspace, or None if it is not running.

    It holds a lock as long as it runs. The time at which a process started changes if the clock is set.
    """
    record, lock = read_up(workspace), _lock_path(workspace)
    if not record or not lock.exists():
        return None
    with try_lock(lock) as is_free:
        return None if is_free else record


def part_states(record: UpRecord, workspace: Path) -> list[PartState]:
    """Return the state of every part."""
    return Supervisor(kept_mark(workspace), record.socket).states()


def read_up(workspace: Path) -> UpRecord | None:
    """Return the stored `emotion up`, which may be running or may have been killed, or None."""
    try:
        return UpRecord.model_validate_json(_record_path(workspace).read_bytes())
    except (OSError, ValidationError):
        return None


def up_folder(workspace: Path) -> Path:
    """Return the folder of the configuration and the logs."""
    return workspace.resolve() / "up"


def _lock_path(workspace: Path) -> Path:
    return up_folder(workspace) / "up.lock"


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    lock = FileLock(_lock_path(settings.workspace))
    try:
        lock.acquire(timeout=LOOK_SECONDS)
    except Timeout as error:
        record = read_up(settings.workspace)
        who = f"process {record.pid}" if record else "another process that is starting"
        raise PipelineError(
            f"{settings.workspace.resolve()} is up already ({who}): emotion status shows it, emotion down ends it"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Treat SIGTERM and a closed terminal like Ctrl-C."""
    former = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _daemon(supervisor: Supervisor, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Run supervisor's daemon during the block, with records for other commands and for the workspace's runs."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> int:
        started.append(supervisor.start({}))
        return started[0].pid

    try:
        keep_server(settings.workspace, os.environ[API_URL_VARIABLE], start)
        _write_record(_new_record(supervisor, settings), settings.workspace)
        yield started[0]
    finally:
        for number in (
            signal.SIGINT,
            signal.SIGTERM,
            signal.SIGHUP,
        ):  # ignore further signals: the shutdown has started
            signal.signal(number, signal.SIG_IGN)
        for process in started:
            stop(process, DOWN_SECONDS)


def _bring_up(
    parts: list[Part],
    supervisor: Supervisor,
    daemon: subprocess.Popen[bytes],
    settings: Settings,
    say: Callable[[str], None],
) -> UpRecord:
    """Start the server, set up its work pool and deployments, then start the other parts."""
    from flows.service.deploy import deploy_all, deployment_of_flows

    say("starting Prefect's server")
    others = [part for part in parts if part.name != "server"]
    with deployment_of_flows(settings) as deployment:
        _wait_for(parts[:1], daemon, settings)
        for part in others:
            if part.port:
                supervisor.start_part(part.name)
        say("deploying the flows")
        notifications = deploy_all(settings, deployment)
    for part in others:
        supervisor.start_part(part.name)
    _wait_for(others, daemon, settings)
    record = _new_record(supervisor, settings, notifications=tuple(notifications), ready=True)
    _write_record(record, settings.workspace)
    return record


def _wait_for(parts: list[Part], daemon: subprocess.Popen[bytes], settings: Settings) -> None:
    waiting = [part for part in parts if part.port]

    def are_ready() -> bool:
        if daemon.poll() is not None:
            raise PipelineError(_daemon_ended(daemon, settings.workspace))
        waiting[:] = [part for part in waiting if not is_ready(part, settings)]
        return not waiting

    def describe_late() -> str:
        log = log_path(up_folder(settings.workspace), waiting[0].name)
        seconds = f"{settings.server_start_seconds:.0f} s"
        return f"{waiting[0].name} did not answer within {seconds}: see {log}, or raise EMOTION_SERVER_START_SECONDS"

    wait_until(are_ready, settings.server_start_seconds, describe_late)


def _follow(logs: LogFollower, daemon: subprocess.Popen[bytes], workspace: Path, say: Callable[[str], None]) -> None:
    """Pass on what the parts log until this process is interrupted."""
    while daemon.poll() is None:
        for name, line in logs.lines():
            say(f"{name:8} {line}")
        time.sleep(FOLLOW_SECONDS)
    raise PipelineError(_daemon_ended(daemon, workspace))


def _daemon_ended(daemon: subprocess.Popen[bytes], workspace: Path) -> str:
    log = log_path(up_folder(workspace), "supervisor")
    return f"supervisor's daemon ended with status {daemon.returncode}, and every part with it: see {log}"


def _new_record(supervisor: Supervisor, settings: Settings, **changes: object) -> UpRecord:
    return UpRecord.model_validate(
        {
            "pid": os.getpid(),
            "socket": supervisor.socket,
            "addresses": addresses(settings),
            **changes,
        }
    )


def _write_record(record: UpRecord, workspace: Path) -> None:
    write_atomically(_record_path(workspace), record.model_dump_json())


def _record_path(workspace: Path) -> Path:
    return up_folder(workspace) / "up.json"
