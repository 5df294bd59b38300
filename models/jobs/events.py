"""Events of the child commands: one class for each kind, and the union of all events that a parent can receive.

The field `event` names the kind. Several commands send "progress" and "done", each with different fields, so a line is
parsed as the first class of the union that accepts its name and all of its fields.
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
    """The child measures the time of training steps in a precision."""

    event: Literal["measuring"] = "measuring"
    precision: Precision


class Planned(Event, Plan):
    """The plan of the training; a resumed training sends it too."""

    event: Literal["planned"] = "planned"
    monitor: str = Field(description="the part that chooses the epoch")
    target: str = Field(default="label", description="what is trained towards, see `TrainConfig.target`")
    least_epochs: int = Field(default=0, description="of the recipe, if the budget allows fewer; else 0")
    least_seconds: float = Field(default=0, description="budget with which they would be planned")


class Resumed(Event):
    """The training continues after an epoch that an earlier start finished."""

    event: Literal["resumed"] = "resumed"
    epoch: int
    accuracy: float = Field(description="the best so far on the monitored part, 0..1")


PassKind = Literal["features", "teaching"]


class ImagesPassed(Event):
    """Progress of a view through a network: to compute a frozen backbone's features, or a teacher's labels."""

    event: PassKind
    part: str
    view: int
    done: int
    images: int


class Finetuning(Event):
    """From this epoch on, layers of the backbone are trained too."""

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
    """The votes of the ensemble have been chosen; its evaluation begins."""

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
    """The end of building the ensemble."""

    status: TrainingStatus


class TrackingDone(Done):
    """The end of writing to MLflow."""

    run_id: str


TrainingEvent = Measuring | Planned | Resumed | Finetuning | TrainingProgress | EpochEnded | Evaluating | TrainingDone
"""Events that only `python -m models.training.fit` sends."""

OtherEvent = (
    ViewLabelled | LabellingDone | VotesChosen | EnsembleDone | Tracked | TrackingDone | ExamplesWritten | ViewsDone
)
"""Events that only one other command sends."""

SharedEvent = Started | ImagesPassed | Predicting | Done | ChildError | UnknownEvent

ChildEvent = Annotated[TrainingEvent | OtherEvent | SharedEvent, Field(union_mode="left_to_right")]
"""`UnknownEvent` comes last: it accepts every event that no other class accepts."""

_CHILD_EVENT: TypeAdapter[ChildEvent] = TypeAdapter(ChildEvent)


def parse_event(line: str) -> ChildEvent:
    """Parse one line that a child printed.

    Raises:
        ValueError: the line is not a JSON object with an `event`.

    >>> parse_event('{"event": "resumed", "epoch": 3, "accuracy": 0.7}').epoch
    3
    >>> type(parse_event('{"event": "of a later version", "time": 0}')).__name__
    'UnknownEvent'
    """
    return _CHILD_EVENT.validate_json(line)
