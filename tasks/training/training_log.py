"""Log lines and progress artifact of a training, from the events of its child."""

import math
import re
import time
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from models.jobs import events
from tasks.support.progress import format_duration

ARTIFACT_SECONDS = 5.0

LOG_SECONDS = 20.0

TARGET_WORDS = {
    "label": "",
    "majority": ", towards the class that most people chose",
    "votes": ", towards the votes of people",
}


class TrainingLog:
    """Turn a training's events into log lines and a progress artifact."""

    def __init__(self, title: str, monitor: str) -> None:
        self.title, self.monitor = title, monitor
        self.logger = get_run_logger()
        self.artifact: UUID = create_progress_artifact(  # type: ignore[assignment]
            progress=0.0, key=artifact_key(title), description=f"Training of {title}"
        )
        self.moved = self.logged = time.monotonic()

    def __call__(self, event: events.ChildEvent) -> None:
        """Take one event of the child."""
        now = time.monotonic()
        if isinstance(event, events.Evaluating):
            self._move(1.0)
        is_due = now - self.moved >= ARTIFACT_SECONDS
        if isinstance(event, events.EpochEnded) or (isinstance(event, events.TrainingProgress) and is_due):
            self._move(event.fraction)
        if isinstance(event, events.TrainingProgress | events.ImagesPassed):
            if now - self.logged < LOG_SECONDS:
                return
            self.logged = now
        if isinstance(event, events.Planned) and event.least_epochs:
            self.logger.warning("%s: %s", self.title, describe_few_epochs(event))
        text = describe_event(event, self.monitor)
        if text:
            self.logger.info("%s: %s", self.title, text)

    def _move(self, fraction: float) -> None:
        """Move the artifact; if the API cannot be reached, log a warning and let the training continue."""
        self.moved = time.monotonic()
        try:
            update_progress_artifact(self.artifact, progress=round(100 * fraction, 1))
        except httpx.HTTPError as error:
            self.logger.warning("the progress artifact could not be moved: %s", error)


def describe_event(event: events.ChildEvent, monitor: str) -> str:
    """Describe an event of a training for its log, or return an empty text if the log leaves it out.

    Args:
        event: of the training child.
        monitor: the part that chooses the epoch.
    """
    match event:
        case events.Planned():
            return _describe_plan(event)
        case events.Resumed():
            return f"resumed after epoch {event.epoch}"
        case events.ImagesPassed():
            images = f"{event.done} of {event.images} images of {event.part}"
            return f"{images}, view {event.view}, through the frozen backbone"
        case events.Finetuning():
            return f"from epoch {event.epoch} on, {event.layers} layers of the backbone are trained too"
        case events.EpochEnded():
            return (
                f"epoch {event.epoch}/{event.epochs}, loss {event.loss:.4f}, accuracy {event.accuracy:.4f}, "
                f"{monitor} accuracy {event.monitor_accuracy:.4f} (best {event.best_accuracy:.4f}), "
                f"{event.seconds:.1f} s, about {format_duration(event.seconds_left)} left"
            )
        case events.TrainingProgress():
            return (
                f"epoch {event.epoch}/{event.epochs}, {100 * event.fraction:.0f} % of the training, "
                f"accuracy {event.accuracy:.4f}, about {format_duration(event.seconds_left)} left"
            )
        case events.Evaluating():
            return f"evaluating the weights of epoch {event.epoch}"
        case events.TrainingDone():
            return f"validation accuracy {event.accuracy:.4f}"
    return ""


def describe_few_epochs(plan: events.Planned) -> str:
    """Say that a time budget allows fewer epochs than the recipe needs to mean something, and what to do."""
    minutes = math.ceil(plan.least_seconds / 6) / 10
    epochs = "1 epoch" if plan.epochs == 1 else f"{plan.epochs} epochs"
    return (
        f"got a time budget of {plan.budget_seconds / 60:g} minutes, which allows {epochs}, expected at least "
        f"{plan.least_epochs}: its accuracy will say little about the network; give it {minutes:g} minutes, or train "
        "fewer variants at once"
    )


def _describe_plan(plan: events.Planned) -> str:
    views = plan.feature_views
    features = f", of the head alone on features of {views} views" if views else ""
    steps = f"{plan.epochs} epochs of {plan.steps_per_epoch} steps"
    return f"planned {steps} in {plan.precision}, {plan.threads} threads{features}{TARGET_WORDS[plan.target]}"


def artifact_key(title: str) -> str:
    """Return the key of a training's progress artifact: lower case, digits and dashes."""
    return f"training-{re.sub(r'[^a-z0-9]+', '-', title.lower()).strip('-')}"
