"""Supervisor's daemon under `emotion up`: it starts the parts, restarts those that end, and keeps their logs."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from configparser import RawConfigParser
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple
from xmlrpc.client import Fault, ServerProxy

import psutil

from data.base.paths import PROJECT_ROOT
from flows.service.part_process import GRACE_SECONDS, end_with_parent
from flows.service.parts import Part

RETRIES = 1_000_000
"""A part that does not come up is tried again after 1, 2, 3, ... seconds, and never given up."""

LOG_BYTES = "10MB"
LOG_BACKUPS = "3"
SECONDS_UNTIL_UP = "3"


class PartState(NamedTuple):
    """What the supervisor says of a part."""

    name: str
    state: str
    started_seconds: int
    description: str


class Supervisor:
    """The supervisor's daemon of one workspace, asked over a socket that nobody else may open.

    Args:
        config: its configuration file.
        socket: where it is asked.
    """

    def __init__(self, config: Path, socket: Path) -> None:
        self.config, self.socket = config, socket

    def start(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start the daemon as a child that ends with this process, in a session of its own: Ctrl-C is for us first."""
        return subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(self.config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.config.parent,  # where its configuration says that the logs are
            env={**os.environ, **environment},
            start_new_session=True,
            preexec_fn=end_with_parent,
        )

    def start_part(self, name: str) -> None:
        """Start a part, also where it was tried in vain before."""
        with suppress(Fault):  # it runs already
            self._ask("startProcess", name, False)

    def states(self) -> list[PartState]:
        """Return the state of every part; nothing where the daemon does not answer."""
        try:
            found = self._ask("getAllProcessInfo")
        except OSError:
            return []
        return [PartState(part["name"], part["statename"], part["start"], part["description"]) for part in found]

    def _ask(self, method: str, *arguments: Any) -> Any:
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        with closing(transport):
            return getattr(ServerProxy("http://127.0.0.1", transport=transport).supervisor, method)(*arguments)


def write_config(parts: list[Part], config: Path) -> Supervisor:
    """Write the daemon's configuration, which holds no secret, and return the daemon.

    A socket's path may have 107 bytes, and a workspace may be deeper than that: it is in a folder of its own.
    """
    socket = Path(tempfile.mkdtemp(prefix="emotion-up-")) / "supervisor.sock"
    (config.parent / "logs").mkdir(parents=True, exist_ok=True)
    parser = RawConfigParser()
    parser["supervisord"] = {
        "logfile": "logs/supervisor.log",
        "pidfile": "supervisord.pid",
        "childlogdir": "logs",
        "loglevel": "info",
    }
    parser["unix_http_server"] = {"file": _literal(socket), "chmod": "0700"}
    parser["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    for order, part in enumerate(parts):
        parser[f"program:{part.name}"] = _program(part, order)
    with config.open("w") as file:
        parser.write(file)
    return Supervisor(config, socket)


def log_path(folder: Path, name: str) -> Path:
    """Return the log of a part."""
    return folder / "logs" / f"{name}.log"


def remove_socket(socket: Path) -> None:
    """Remove the folder of a daemon's socket."""
    if socket.parent.name.startswith("emotion-up-"):
        shutil.rmtree(socket.parent, ignore_errors=True)


def stop(process: subprocess.Popen[bytes], seconds: float) -> None:
    """End the daemon, which ends the parts first, the last started before the others."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _program(part: Part, order: int) -> dict[str, str]:
    command = [sys.executable, "-m", "flows.service.part_process", part.name, *part.command]
    return {
        "command": _literal(shlex.join(command)),
        "directory": _literal(PROJECT_ROOT),
        "priority": str(order),
        "autostart": "true" if part.name == "server" else "false",  # the others need it, or its work pool
        "autorestart": "true",
        "startsecs": SECONDS_UNTIL_UP,
        "startretries": str(RETRIES),
        "stopwaitsecs": str(round(2 * GRACE_SECONDS)),
        "redirect_stderr": "true",
        "stdout_logfile": f"logs/{part.name}.log",  # a percent sign in a whole path would be expanded twice
        "stdout_logfile_maxbytes": LOG_BYTES,
        "stdout_logfile_backups": LOG_BACKUPS,
    }


def _literal(value: Path | str) -> str:
    """Return a value that the daemon takes as it is: a percent sign begins an expansion there."""
    return str(value).replace("%", "%%")


class LogFollower:
    """Reads what parts log from now on, also when a log is rotated.

    Args:
        logs: part -> its log.
    """

    def __init__(self, logs: Mapping[str, Path]) -> None:
        self.logs = logs
        self._read = {name: _size(path) for name, path in logs.items()}

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield the part and the text of each line since the last call."""
        for name, path in self.logs.items():
            if _size(path) < self._read[name]:
                self._read[name] = 0
            with suppress(FileNotFoundError), path.open("rb") as file:
                file.seek(self._read[name])
                text = file.read()
                whole = text[: text.rfind(b"\n") + 1]
                self._read[name] += len(whole)
                for line in whole.decode(errors="replace").splitlines():
                    yield name, line


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def is_alive(pid: int, started_seconds: float) -> bool:
    """Return whether the process is there and is the one that started then, not a later one with its number."""
    try:
        return abs(psutil.Process(pid).create_time() - started_seconds) < 2
    except psutil.Error:
        return False
