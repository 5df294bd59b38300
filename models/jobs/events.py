"""Events of the child commands: one class for each kind, and the union of all that a parent can get.

`event` names the kind on the wire. "progress" and "done" come from several commands, each with fields of its own, so
a line is the first class of the union that takes its name and all of its fields.
"""

import os
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from data.records.events import ChildError, Event, ExamplesWritten, UnknownEvent, ViewsDone
from data.records.training import EpochRecord, TrainingStatus
from models.jobs.plan import Plan, Precision


class Started(Event):
    """The child has read its specification."""

    event: Literal["started"] = "started"
    pid: int = Field(default_factory=os.getpid)
    threads: int | None = None


class Measuring(Event):
    """The child times training steps in a precision."""

    event: Literal["measuring"] = "measuring"
    precision: Precision


class Planned(Event, Plan):
    """The plan of the training, also of a resumed one."""

    event: Literal["planned"] = "planned"
    monitor: str = Field(description="the part that chooses the epoch")


class Resumed(Event):
    """The training goes on after an epoch of an earlier start."""

    event: Literal["resumed"] = "resumed"
    epoch: int
    accuracy: float = Field(description="the best so far on the monitored part, 0..1")


PassKind = Literal["features", "teaching"]


class ImagesPassed(Event):
    """Progress of a view through a network: of a frozen backbone's features, or of a teacher's labelling."""

    event: PassKind
    part: str
    view: int
    done: int
    images: int


class Finetuning(Event):
    """Layers of the backbone are trained too from this epoch on."""

    event: Literal["finetuning"] = "finetuning"
    epoch: int
    layers: int


class TrainingProgress(Event):
    """Progress within an epoch."""

    event: Literal["progress"] = "progress"
    epoch: int
    epochs: int
    fraction: float = Field(description="of all steps of the training, 0..1")
    accuracy: float = Field(description="on the training images of this epoch so far, 0..1")
    seconds_left: float


class EpochEnded(Event, EpochRecord):
    """One finished epoch."""

    event: Literal["epoch"] = "epoch"
    epochs: int
    fraction: float = Field(description="of all steps of the training, 0..1")
    best_accuracy: float = Field(description="the best so far on the monitored part, 0..1")
    seconds_left: float


class Evaluating(Event):
    """The weights of the best epoch are evaluated."""

    event: Literal["evaluating"] = "evaluating"
    epoch: int


class VotesChosen(Event):
    """The votes of the ensemble, which is evaluated now."""

    event: Literal["evaluating"] = "evaluating"
    votes: dict[str, int]


class Predicting(Event):
    """Progress of the predictions for a part."""

    event: Literal["predicting"] = "predicting"
    part: str
    batches: int


class ViewLabelled(Event):
    """One view that a teacher has labelled."""

    event: Literal["labelled"] = "labelled"
    view: int
    views: int


class Tracked(Event):
    """One run that is written to MLflow."""

    event: Literal["tracked"] = "tracked"
    run: str


class Done(Event):
    """The end of a command."""

    event: Literal["done"] = "done"


class TrainingDone(Done):
    """The end of a training."""

    accuracy: float = Field(description="on validation, 0..1")


class LabellingDone(Done):
    """The end of a teacher's labelling."""

    views: int


class EnsembleDone(Done):
    """The end of the vote."""

    status: TrainingStatus


class TrackingDone(Done):
    """The end of the writing to MLflow."""

    run_id: str


TrainingEvent = Measuring | Planned | Resumed | Finetuning | TrainingProgress | EpochEnded | Evaluating | TrainingDone
"""Events of `python -m models.training.fit` alone."""

OtherEvent = (
    ViewLabelled | LabellingDone | VotesChosen | EnsembleDone | Tracked | TrackingDone | ExamplesWritten | ViewsDone
)
"""Events of one other command alone."""

SharedEvent = Started | ImagesPassed | Predicting | Done | ChildError | UnknownEvent

ChildEvent = Annotated[TrainingEvent | OtherEvent | SharedEvent, Field(union_mode="left_to_right")]
"""`UnknownEvent` comes last: it takes what no other class takes."""

_CHILD_EVENT: TypeAdapter[ChildEvent] = TypeAdapter(ChildEvent)


def parse_event(line: str) -> ChildEvent:
    """Parse one line that a child printed.

    Raises:
        ValueError: it is no JSON object with an `event`.

    >>> parse_event('{"event": "resumed", "epoch": 3, "accuracy": 0.7}').epoch
    3
    >>> type(parse_event('{"event": "of a later version", "time": 0}')).__name__
    'UnknownEvent'
    """
    return _CHILD_EVENT.validate_json(line)
