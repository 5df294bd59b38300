"""One part of `emotion up` as a child command: `python -m flows.service.part_process NAME`.

Its own command is in a file of the workspace's folder `up`, since the configuration of supervisor's daemon would take
the rest of a line after a `#` in a path for a comment.

No process is left behind: this process ends with the supervisor that started it, and its command ends with this
process. Processes that the command started are found by a mark in their environment, even if they have their own
session.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from data.workspace.atomic import write_atomically
from flows.service.process_marks import PART_VARIABLE, UP_VARIABLE, end_processes, find_up_processes

COMMANDS_NAME = "commands.json"

WORKER_PART = "worker"
"""If this part is killed, the runs that it started end by themselves, because they must tell the server: each run is
then Crashed, and a retry resumes it."""

GRACE_SECONDS = 30.0
"""Time that a part has to end: a run tells the server, and its trainings write the epoch that they finished."""

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run the command until it ends or this process is told to stop; exit with the status of the command."""
    name = sys.argv[1]
    command = read_commands(Path(os.environ[UP_VARIABLE]) / "up")[name]
    signal.signal(signal.SIGTERM, _leave)
    end_with_parent()
    if name != WORKER_PART:
        # A predecessor that was killed may have left processes, which hold the port.
        end_processes(find_up_processes(part=name), GRACE_SECONDS)
    process = subprocess.Popen(command, env={**os.environ, PART_VARIABLE: name}, preexec_fn=end_with_parent)
    try:
        status = process.wait()
    except SystemExit:
        end_processes(find_up_processes(part=name), GRACE_SECONDS)
        raise
    if name != WORKER_PART:
        end_processes(find_up_processes(part=name), GRACE_SECONDS)
    sys.exit(status if status >= 0 else 128 - status)


def write_commands(commands: Mapping[str, Sequence[str]], folder: Path) -> None:
    """Write the commands of the parts, by name."""
    write_atomically(folder / COMMANDS_NAME, json.dumps(commands))


def read_commands(folder: Path) -> dict[str, list[str]]:
    """Read the commands of the parts, by name."""
    return json.loads((folder / COMMANDS_NAME).read_bytes())


def _leave(signal_number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the parent may send a signal and then end
    sys.exit(0)


def end_with_parent() -> None:
    """Ask the kernel to send SIGTERM to this process when its parent ends (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    main()
