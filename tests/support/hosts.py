"""Several hosts on loopback: each with a workspace of its own, one server of Prefect, one store."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.emotion_command import EMOTION, environment

POOL = "hosts"


@contextmanager
def worker(workspace: Path, log: Path, at_once: int = 1, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a host's worker of the pool; its process group ends with the block, whatever it has started."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            [EMOTION, "worker", "--pool", POOL, "--name", workspace.name, "--at-once", str(at_once)],
            env=environment(workspace, **settings),
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill_host(process)


def kill_host(process: subprocess.Popen[bytes]) -> None:
    """Kill a worker and all that it started, as if its host had lost power."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
