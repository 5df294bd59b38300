"""Events that a child command sends to its parent: their base class, and the events of `data`'s commands."""

import time
from typing import Literal

from pydantic import ConfigDict, Field

from data.base.record import Record


class Event(Record):
    """One JSON line on a child's stdout; `event` says which kind it is."""

    event: str
    time: float = Field(default_factory=lambda: round(time.time(), 3), description="seconds since 1970")


class UnknownEvent(Event):
    """Any other event: it only shows that the child is alive."""

    model_config = ConfigDict(extra="allow")


class ChildError(Event):
    """The error that ended the child."""

    event: Literal["error"] = "error"
    kind: str = Field(default="PipelineError", description="class of the exception")
    message: str
    skipped: bool = Field(default=False, description="the variant cannot be trained here, which is no failure")


class ExamplesWritten(Event):
    """Progress of `python -m data.views.write`."""

    event: Literal["progress"] = "progress"
    done: int
    total: int


class ViewsDone(Event):
    """The end of `python -m data.views.write`."""

    event: Literal["done"] = "done"
    files: int
    images: int
