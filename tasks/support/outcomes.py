"""What every stage's task has in common: how it finishes, and how its caller gets at the record."""

from typing import TypeVar

from prefect.client.schemas.objects import State
from prefect.states import Completed

T = TypeVar("T")


def finish(record: T, cached: bool) -> T:
    """Return a task's result, under the state name Cached where the workspace had it already.

    Prefect hands a returned state on as it is: a later task that gets it as an argument sees the record.
    """
    return Completed(name="Cached", data=record) if cached else record  # type: ignore[return-value]


def record_of(outcome: T) -> T:
    """Return the record of a task that was called directly, whichever state it ended in."""
    return outcome.result() if isinstance(outcome, State) else outcome  # type: ignore[return-value]


def record_if_done(outcome: State[T]) -> T | None:
    """Return the record of a task that was called with `return_state`, or None where it failed: its log says why."""
    return outcome.result() if outcome.is_completed() else None
