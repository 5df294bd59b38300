"""Runner of one command of this project that measures its time and memory."""

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
from data.records.run import RunResults
from data.workspace.layout import REPORTS_STAGE, RESULTS_NAME
from data.workspace.run_results import read_results

SHOWN_CHARACTERS = 2000

EMOTION = str(Path(sys.executable).with_name("emotion"))
"""Path of the `emotion` command in this environment."""


class Usage(NamedTuple):
    """Time and memory of a command, including the child processes that it waited for."""

    wall_seconds: float
    core_seconds: float
    peak_bytes: int
    """Peak memory of its largest process."""
    output: str

    @property
    def printed(self) -> list[dict[str, Any]]:
        """Parse the lines that are JSON objects; other lines come from TensorFlow, Prefect and other libraries."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]


def newest(workspace: Path, pattern: str) -> Path:
    """Return the file of this pattern that was written last."""
    return max(workspace.glob(pattern), key=lambda path: path.stat().st_mtime)


def read_newest_results(workspace: Path) -> RunResults:
    """Read the results of the newest report of a workspace."""
    return read_results(newest(workspace, f"{REPORTS_STAGE}/*/{RESULTS_NAME}").parent)


def run_module(module: str, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> Usage:
    """Run `python -m MODULE ARGUMENTS` and wait until it ends.

    Raises:
        PipelineError: the command failed; the message contains the end of its output.
    """
    return run_command([sys.executable, "-m", module, *map(str, arguments)], environment)


def run_command(command: Sequence[str], environment: Mapping[str, str] | None = None, status: int = 0) -> Usage:
    """Run a command and wait until it ends with this exit status; see `run_module`."""
    started = time.perf_counter()
    with subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.PIPE,  # stays open while this process runs: a training ends when its stdin closes
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        output = process.stdout.read() if process.stdout else ""
        _, wait_status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(wait_status)
    if process.returncode != status:
        raise PipelineError(
            f"{' '.join(command)} ended with status {process.returncode}, expected {status}: "
            f"{output[-SHOWN_CHARACTERS:]}"
        )
    return Usage(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, _bytes_of(usage), output)


def _bytes_of(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
