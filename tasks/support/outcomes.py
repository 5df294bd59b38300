"""Outcome of a stage's task: its state, and the record that its caller gets."""

from typing import TypeVar

from prefect.client.schemas.objects import State
from prefect.states import Completed

T = TypeVar("T")


def finish(record: T, cached: bool) -> T:
    """Return a task's result, under the state name Cached if the workspace had it already.

    Prefect passes a returned state on unchanged: a later task that gets it as an argument sees the record.
    """
    return Completed(name="Cached", data=record) if cached else record  # type: ignore[return-value]


def record_of(outcome: T) -> T:
    """Return the record of a task that was called directly, for any state in which it ended."""
    return outcome.result() if isinstance(outcome, State) else outcome  # type: ignore[return-value]


def record_if_done(outcome: State[T]) -> T | None:
    """Return the record of a task that was called with `return_state`, or None if it failed: its log says why."""
    return outcome.result() if outcome.is_completed() else None
