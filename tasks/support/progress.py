"""Progress of a run for watchers in its own process: the states of its tasks, and the events of its children."""

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
"""Gets the name of a task run and an event of it; called in the thread of that task run."""

_watchers: list[Watcher] = []


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Call the watcher with every event of this process's task runs while the block runs."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def tell(event: TaskEvent) -> None:
    """Send an event of the running task run, if there is one, to the watchers."""
    name = task_run.name if _watchers else None
    if name:
        for watcher in list(_watchers):
            watcher(name, event)


def watched(function: Callable[P, T]) -> Callable[P, T]:
    """Make a task's function tell the watchers when it begins, and in which state it ends."""

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
