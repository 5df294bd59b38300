"""One part of `emotion up` as a child command: `python -m flows.service.part_process NAME COMMAND...`.

Whatever ends, nothing stays behind: this process follows the supervisor that started it, its command follows this
process, and what the command started is found by a mark in its environment, also in a session of its own.
"""

import ctypes
import os
import signal
import subprocess
import sys
from types import FrameType

from flows.service.process_marks import PART_VARIABLE, end_processes, find_up_processes

WORKER_PART = "worker"
"""The runs that this part started end themselves where it is killed, since they have to tell the server: each is
Crashed then, and a retry goes on where it was."""

GRACE_SECONDS = 30.0
"""What a part has to end itself in: a run tells the server, and lets its trainings write what they finished."""

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run the command until it ends or this process is told to; leave with its status."""
    name, *command = sys.argv[1:]
    signal.signal(signal.SIGTERM, _leave)
    end_with_parent()
    if name != WORKER_PART:
        end_processes(
            find_up_processes(part=name), GRACE_SECONDS
        )  # of a predecessor that was killed; it holds the port
    process = subprocess.Popen(command, env={**os.environ, PART_VARIABLE: name}, preexec_fn=end_with_parent)
    try:
        status = process.wait()
    except SystemExit:
        end_processes(find_up_processes(part=name), GRACE_SECONDS)
        raise
    if name != WORKER_PART:
        end_processes(find_up_processes(part=name), GRACE_SECONDS)
    sys.exit(status if status >= 0 else 128 - status)


def _leave(signal_number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the parent's end may follow the parent's own signal
    sys.exit(0)


def end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when its parent is gone (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    main()
