"""One hostile input after the other, each in a process of its own with limits on memory and time.

`python -m tests.faults.limited_child MODULE` imports a module with a table `CASES` and reads lines from its standard
input: the name of a case and a folder. For each it forks, so that the imports are paid once. The fork sets limits above
what the imports took and runs the case's `act` in the folder; one line of JSON says how it ended, a crash included.
"""

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT

MEMORY_BYTES = 400 << 20
"""Memory that a case may map in addition to what the imports took."""

CPU_SECONDS = 20
WALL_SECONDS = 60


@dataclass(frozen=True)
class Refused:
    """Expected end of a case: this error, with these words in its message (a regular expression)."""

    words: str
    error: type[Exception] = PipelineError


@dataclass(frozen=True)
class Handled:
    """Expected end of a case: `act` returns this value, which JSON can hold."""

    value: Any


class Case(NamedTuple):
    """A hostile input."""

    name: str
    prepare: Callable[[Path], Any]
    """Writes the input into an empty folder; runs in the test's own process."""
    act: Callable[[Path], Any]
    """Gives the input to our code; runs with limits, in the folder as the current directory."""
    expected: Refused | Handled


class Outcome(NamedTuple):
    """How a case ended."""

    value: Any
    errors: list[str]
    """Names of the raised error's class and of its base classes; empty if none was raised."""
    message: str
    signal: int
    """Signal that ended the process, 0 if none did."""
    memory_bytes: int
    """Largest resident memory in addition to that at the start of the case."""
    seconds: float

    def is_as(self, expected: Refused | Handled) -> bool:
        """Tell whether the case ended as expected; the words are compared by the caller."""
        if self.signal:
            return False
        return expected.error.__name__ in self.errors if isinstance(expected, Refused) else not self.errors


class LimitedChild:
    """The command, for the cases of one module.

    Args:
        module: name of the module.
    """

    def __init__(self, module: str) -> None:
        command = [sys.executable, "-m", "tests.faults.limited_child", module]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT_ROOT, text=True
        )

    def run(self, name: str, folder: Path) -> Outcome:
        """Run a case in a prepared folder."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([name, str(folder)]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the child that imports the cases ended before {name}"
        return Outcome(*json.loads(line))

    def close(self) -> None:
        """End the command."""
        self._process.communicate(timeout=WALL_SECONDS)


def _set_limits() -> None:
    mapped_bytes = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (mapped_bytes + MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(WALL_SECONDS)


def _act(case: Case, folder: Path) -> tuple[Any, list[str], str]:
    """Run a case in this process."""
    os.chdir(folder)
    _set_limits()
    try:
        value = case.act(folder)
        json.dumps(value)
    except BaseException as error:
        return None, [kind.__name__ for kind in type(error).__mro__], str(error)
    return value, [], ""


def _fork(case: Case, folder: Path) -> Outcome:
    """Run a case in a fork of this process, and wait for its end."""
    started = time.monotonic()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        level_bytes = (
            psutil.Process().memory_info().rss
        )  # less than before the fork: files are mapped again when needed
        with os.fdopen(writing, "w") as answer:
            json.dump([*_act(case, folder), level_bytes], answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - started
    ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    value, errors, message, level_bytes = json.loads(text) if text else (None, ["no answer"], f"status {status}", 0)
    return Outcome(value, errors, message, ended_by, usage.ru_maxrss * 1024 - level_bytes, seconds)


def main() -> None:
    """Run the cases that are asked for, until the standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a case prints is no answer
    cases = {case.name: case for case in importlib.import_module(sys.argv[1]).CASES}
    assert threading.active_count() == 1, "a fork has only the thread that forked"
    for line in sys.stdin:
        name, folder = json.loads(line)
        answers.write(json.dumps(_fork(cases[name], Path(folder))) + "\n")


if __name__ == "__main__":
    main()
