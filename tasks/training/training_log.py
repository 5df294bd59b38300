"""Turn a training's events into log lines and a progress artifact."""

import re
import time
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from tasks.support.child_processes import Event
from tasks.support.progress import format_duration, tell

ARTIFACT_SECONDS = 5.0

LOG_SECONDS = 20.0


class TrainingLog:
    """Turn a training's events into log lines and a progress artifact."""

    def __init__(self, title: str, monitor: str) -> None:
        self.title, self.monitor = title, monitor
        self.logger = get_run_logger()
        self.artifact: UUID = create_progress_artifact(  # type: ignore[assignment]
            progress=0.0, key=artifact_key(title), description=f"Training of {title}"
        )
        self.moved = self.logged = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Take one event of the child."""
        tell({**event, "monitor": self.monitor})
        handler = getattr(self, f"_on_{event['event']}", None)
        if handler:
            handler(event)

    def _on_planned(self, event: Event) -> None:
        self.logger.info(
            "%s: planned %s epochs of %s steps in %s, %s threads%s",
            self.title,
            event["epochs"],
            event["steps_per_epoch"],
            event["precision"],
            event["threads"],
            f", of the head alone on features of {event['feature_views']} views" if event["feature_views"] else "",
        )

    def _on_resumed(self, event: Event) -> None:
        self.logger.info("%s: resumed after epoch %s", self.title, event["epoch"])

    def _on_features(self, event: Event) -> None:
        now = time.monotonic()
        if now - self.logged >= LOG_SECONDS:
            self.logged = now
            self.logger.info(
                "%s: %s of %s images of %s, view %s, through the frozen backbone",
                self.title,
                event["done"],
                event["images"],
                event["part"],
                event["view"],
            )

    def _on_finetuning(self, event: Event) -> None:
        self.logger.info(
            "%s: from epoch %s on, %s layers of the backbone are trained too",
            self.title,
            event["epoch"],
            event["layers"],
        )

    def _on_epoch(self, event: Event) -> None:
        self.logger.info(
            "%s: epoch %s/%s, loss %.4f, accuracy %.4f, %s accuracy %.4f (best %.4f), %.1f s, about %s left",
            self.title,
            event["epoch"],
            event["epochs"],
            event["loss"],
            event["accuracy"],
            self.monitor,
            event["monitor_accuracy"],
            event["best_accuracy"],
            event["seconds"],
            format_duration(event["seconds_left"]),
        )
        self._move(event["fraction"])

    def _on_progress(self, event: Event) -> None:
        now = time.monotonic()
        if now - self.moved >= ARTIFACT_SECONDS:
            self._move(event["fraction"])
        if now - self.logged >= LOG_SECONDS:
            self.logged = now
            self.logger.info(
                "%s: epoch %s/%s, %.0f %% of the training, accuracy %.4f, about %s left",
                self.title,
                event["epoch"],
                event["epochs"],
                100 * event["fraction"],
                event["accuracy"],
                format_duration(event["seconds_left"]),
            )

    def _on_evaluating(self, event: Event) -> None:
        self.logger.info("%s: evaluating the weights of epoch %s", self.title, event["epoch"])
        self._move(1.0)

    def _on_done(self, event: Event) -> None:
        self.logger.info("%s: validation accuracy %.4f", self.title, event["accuracy"])

    def _move(self, fraction: float) -> None:
        """Move the artifact; an API that is away for a while costs a picture of the progress, not the training."""
        self.moved = time.monotonic()
        try:
            update_progress_artifact(self.artifact, progress=round(100 * fraction, 1))
        except httpx.HTTPError as error:
            self.logger.warning("the progress artifact could not be moved: %s", error)


def artifact_key(title: str) -> str:
    """Return the key of a training's progress artifact: lower case, digits and dashes."""
    return f"training-{re.sub(r'[^a-z0-9]+', '-', title.lower()).strip('-')}"
