"""Start-up times of the commands: what a person waits for before anything happens.

Each time is also given as a multiple of `python -c "import prefect"` in the same run, because machines differ.
"""

import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.command import EMOTION, run_command

REPEATS = 3

REFERENCE = (sys.executable, "-c", "import prefect")

HELP = (EMOTION, "--help")

UP = (EMOTION, "up", "--detach")

DOWN = (EMOTION, "down")

RUN = (EMOTION, "run", "--source", "sample", "--preset", "smoke", "--plain")


class Timed(NamedTuple):
    """One command with its wall seconds."""

    name: str
    seconds: float
    at_most: float | None = None
    """Target in seconds on 2 cores."""


def measure_start_up() -> list[Timed]:
    """Time each command in a new workspace, on an otherwise idle machine."""
    with tempfile.TemporaryDirectory(prefix="start-up-") as folder:
        environment = {"EMOTION_WORKSPACE": str(Path(folder) / "workspace"), "COLUMNS": "120", "NO_COLOR": "1"}
        found = _time_without_server(environment)
        try:
            found.append(Timed("`emotion up --detach`, new workspace", _seconds(UP, environment), 20))
            found += _time_on_server(environment)
            _seconds(DOWN, environment)
            found.append(Timed("`emotion up --detach` again", _seconds(UP, environment), 20))
        finally:
            _seconds(DOWN, environment)
    return found


def tabulate(found: Sequence[Timed]) -> list[dict[str, Any]]:
    """Return the rows of the page; the first one is the reference."""
    return [
        {
            "command": one.name,
            "seconds": f"{one.seconds:.2f}",
            'times `python -c "import prefect"`': f"{one.seconds / found[0].seconds:.1f}",
            "target in seconds": "" if one.at_most is None else f"{one.at_most:g}",
        }
        for one in found
    ]


def _time_without_server(environment: Mapping[str, str]) -> list[Timed]:
    return [
        Timed('`python -c "import prefect"`', _median(REFERENCE, environment)),
        Timed("`emotion --help`", _median(HELP, environment), 0.5),
        Timed("`emotion models --help`", _median((EMOTION, "models", "--help"), environment), 0.5),
        Timed("a usage error", _median((EMOTION, "run", "--colour"), environment, status=2), 0.5),
    ]


def _time_on_server(environment: Mapping[str, str]) -> list[Timed]:
    return [
        Timed("`emotion status`", _median((EMOTION, "status"), environment)),
        Timed("`emotion run --preset smoke`, nothing made yet", _seconds(RUN, environment), 60),
        Timed("`emotion run --preset smoke` again, unchanged", _median(RUN, environment), 5),
        Timed("`emotion models list`", _median((EMOTION, "models", "list"), environment)),
        Timed("`emotion report last`", _median((EMOTION, "report", "last"), environment)),
    ]


def _median(command: Sequence[str], environment: Mapping[str, str], status: int = 0) -> float:
    return statistics.median(_seconds(command, environment, status) for _ in range(REPEATS))


def _seconds(command: Sequence[str], environment: Mapping[str, str], status: int = 0) -> float:
    return run_command(command, environment, status).wall_seconds


if __name__ == "__main__":
    for row in tabulate(measure_start_up()):
        print("  ".join(row.values()))
