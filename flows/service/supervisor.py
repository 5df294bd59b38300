"""Supervisor's daemon of `emotion up`: it starts the parts, restarts those that end, and keeps their logs."""

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

from data.base.paths import PROJECT_ROOT
from flows.service.part_process import GRACE_SECONDS, end_with_parent, write_commands
from flows.service.parts import Part

RETRIES = 1_000_000
"""A part that does not start is tried again after 1, 2, 3, ... seconds, without end."""

LOG_BYTES = "10MB"
LOG_BACKUPS = "3"
SECONDS_UNTIL_UP = "10"
"""Time after which a part counts as running. One that ends before is started again after a wait that grows by a second
each time; one that crashed later would be started again at once, for ever."""

LONGEST_TEMPORARY_BYTES = 70
"""Length of the path of the folder for temporary files that leaves room for a socket's own names."""


class PartState(NamedTuple):
    """State of a part, as the supervisor reports it."""

    name: str
    state: str
    started_seconds: int
    description: str


class Supervisor:
    """The supervisor's daemon of one workspace, reached over a socket that only its user may open.

    Args:
        config: path of its configuration file.
        socket: path of its socket.
    """

    def __init__(self, config: Path, socket: Path) -> None:
        self.config, self.socket = config, socket

    def start(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start the daemon as a child that ends with this process; its own session keeps Ctrl-C from it."""
        return subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(self.config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.config.parent,  # the configuration names the logs relative to this folder
            env={**os.environ, **environment},
            start_new_session=True,
            preexec_fn=end_with_parent,
        )

    def start_part(self, name: str) -> None:
        """Start a part, even if earlier attempts failed."""
        with suppress(Fault):  # it is running already
            self._ask("startProcess", name, False)

    def states(self) -> list[PartState]:
        """Return the state of every part; an empty list if the daemon does not answer."""
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
    """Write the daemon's configuration, which contains no secret, and return the daemon.

    The path of a socket may have at most 107 bytes and that of a workspace may be longer, so the socket has its own
    temporary folder, in /tmp if TMPDIR is long too.
    """
    long = len(os.fsencode(tempfile.gettempdir())) > LONGEST_TEMPORARY_BYTES
    socket = Path(tempfile.mkdtemp(prefix="emotion-up-", dir="/tmp" if long else None)) / "supervisor.sock"
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
    write_commands({part.name: part.command for part in parts}, config.parent)
    for order, part in enumerate(parts):
        parser[f"program:{part.name}"] = _program(part, order)
    with config.open("w") as file:
        parser.write(file)
    return Supervisor(config, socket)


def log_path(folder: Path, name: str) -> Path:
    """Return the path of a part's log."""
    return folder / "logs" / f"{name}.log"


def remove_socket(socket: Path) -> None:
    """Remove the folder of a daemon's socket."""
    if socket.parent.name.startswith("emotion-up-"):
        shutil.rmtree(socket.parent, ignore_errors=True)


def stop(process: subprocess.Popen[bytes], seconds: float) -> None:
    """End the daemon, which first ends the parts in the reverse order of their start."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _program(part: Part, order: int) -> dict[str, str]:
    command = [sys.executable, "-m", "flows.service.part_process", part.name]
    return {
        "command": _literal(shlex.join(command)),
        "directory": _literal(PROJECT_ROOT),
        "priority": str(order),
        "autostart": "true" if part.name == "server" else "false",  # the others need the server or its work pool
        "autorestart": "true",
        "startsecs": SECONDS_UNTIL_UP,
        "startretries": str(RETRIES),
        "stopwaitsecs": str(round(2 * GRACE_SECONDS)),
        "redirect_stderr": "true",
        "stdout_logfile": f"logs/{part.name}.log",  # an absolute path with a percent sign would be expanded twice
        "stdout_logfile_maxbytes": LOG_BYTES,
        "stdout_logfile_backups": LOG_BACKUPS,
    }


def _literal(value: Path | str) -> str:
    """Escape a value for the daemon's configuration, in which a percent sign starts an expansion."""
    return str(value).replace("%", "%%")


class LogFollower:
    """Reader of what parts log from now on, even if a log is rotated.

    Args:
        logs: path of each part's log, by the part's name.
    """

    def __init__(self, logs: Mapping[str, Path]) -> None:
        self.logs = logs
        self._read = {name: _size(path) for name, path in logs.items()}

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield each line since the last call, with the name of its part."""
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
