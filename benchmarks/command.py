"""Run one command of this project and say what it cost."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data.base.errors import PipelineError

SHOWN_CHARACTERS = 2000

EMOTION = str(Path(sys.executable).with_name("emotion"))
"""The command of this environment."""


class Usage(NamedTuple):
    """What a command cost with everything it started and waited for."""

    wall_seconds: float
    core_seconds: float
    peak_bytes: int
    """Of its largest process."""
    output: str

    @property
    def printed(self) -> list[dict[str, Any]]:
        """Return the lines that are JSON objects; TensorFlow, Prefect and the like write lines of their own."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]


def run_module(module: str, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> Usage:
    """Run `python -m MODULE ARGUMENTS` to its end.

    Raises:
        PipelineError: it failed; the message has the end of what it wrote.
    """
    return run_command([sys.executable, "-m", module, *map(str, arguments)], environment)


def run_command(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Usage:
    """Run a command to its end; see `run_module`."""
    started = time.perf_counter()
    with subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.PIPE,  # open as long as this process lives: a training ends when it is closed
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise PipelineError(
            f"{' '.join(command)} left with status {process.returncode}, expected 0: {output[-SHOWN_CHARACTERS:]}"
        )
    return Usage(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, _bytes_of(usage), output)


def _bytes_of(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
