"""Child side of a child command: report events on stdout, and exit when the parent exits.

A child command (`python -m data.views.write`, `python -m models.training.fit`) prints one JSON object per line. Its
stdin is a pipe that the parent holds open: if the parent dies for any reason, the pipe closes and the child exits.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TextIO

from data.base.errors import PipelineError, VariantUnavailable
from data.records.events import ChildError, Event

EXIT_FAILED = 1
EXIT_ORPHANED = 3

_events: TextIO | None = None


def emit(event: Event) -> None:
    """Print one event as a JSON line to the parent, or to stdout if no pipe to a parent exists.

    NaN is written as the constant NaN, which `parse_event` reads; these lines are not stored.
    """
    stream = _events or sys.stdout
    stream.write(json.dumps(event.model_dump()) + "\n")
    stream.flush()


def run_child(main: Callable[[], None]) -> None:
    """Run a child command's main function: keep stdout for events, follow the parent, report errors as events.

    A `PipelineError` becomes the event `error` and exit status 1; any other exception also prints its traceback on
    stderr.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of the terminal; the parent decides
    _reserve_stdout()
    threading.Thread(target=leave_with_parent, daemon=True).start()
    try:
        main()
    except PipelineError as error:
        skipped = isinstance(error, VariantUnavailable)
        emit(ChildError(kind=type(error).__name__, message=str(error), skipped=skipped))
        sys.exit(EXIT_FAILED)
    except Exception as error:
        emit(ChildError(kind=type(error).__name__, message=f"{type(error).__name__}: {error}"))
        raise


def _reserve_stdout() -> None:
    """Redirect everything that libraries print to stderr, so that stdout carries only events."""
    global _events
    _events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


def leave_with_parent() -> None:
    """Exit at once when stdin closes: the parent is gone and nobody waits for the result."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(EXIT_ORPHANED)
