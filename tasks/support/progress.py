"""What a run tells whoever watches it in its own process: its stages, and the events of its children."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

from prefect.client.schemas.objects import State
from prefect.runtime import task_run

from models.jobs.events import ChildEvent


def format_duration(seconds: float) -> str:
    """Return seconds as m:ss."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


P = ParamSpec("P")

T = TypeVar("T")


@dataclass(frozen=True)
class TaskRunning:
    """The beginning of a task run, or of another try."""


@dataclass(frozen=True)
class TaskEnded:
    """The end of a task run."""

    state: str
    """Name of its state, such as Completed, Cached or Failed."""


TaskEvent = ChildEvent | TaskRunning | TaskEnded

Watcher = Callable[[str, TaskEvent], None]
"""Takes the name of a task run and what happened in it, in the thread of that task run."""

_watchers: list[Watcher] = []


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Have the watcher told, for the length of the block, of all that task runs of this process do."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def tell(event: TaskEvent) -> None:
    """Tell the watchers of an event in the running task run, if there is one."""
    name = task_run.name if _watchers else None
    if name:
        for watcher in list(_watchers):
            watcher(name, event)


def watched(function: Callable[P, T]) -> Callable[P, T]:
    """Make a task's function tell when it begins, `running`, and when it ends: `ended` with the name of its state."""

    @wraps(function)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        tell(TaskRunning())
        state = "Failed"
        try:
            outcome = function(*args, **kwargs)
            state = (outcome.name or state) if isinstance(outcome, State) else "Completed"
        finally:
            tell(TaskEnded(state))
        return outcome

    return told
