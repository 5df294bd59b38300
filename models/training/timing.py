"""Measure how long training steps and passes take, and stop a pass when the time is up."""

import time
from typing import Any

import keras

from data.system.child_process import emit
from models.jobs.events import ImagesPassed, PassKind
from models.jobs.plan import Measurement

WARMUP_STEPS = 3

TIMED_STEPS = 10

MEASURED_STEPS = WARMUP_STEPS + TIMED_STEPS

QUIET: Any = 0  # an int for Keras, though its annotation says str


def measure_steps(model: keras.Model, training: Any, monitored: Any, evaluation_batches: int) -> Measurement:
    """Time training steps and an evaluation of a compiled model on this machine; the model is spent afterwards.

    Args:
        model: compiled.
        training: dataset of (pixels, one-hot labels).
        monitored: dataset that an epoch ends with.
        evaluation_batches: how many batches `monitored` has.
    """
    steps, clock = training.repeat().take(MEASURED_STEPS), BatchClock()
    losses = model.fit(steps, shuffle=False, verbose=QUIET, callbacks=[clock]).history["loss"]
    step_seconds = clock.seconds_per_batch(WARMUP_STEPS)
    clock = BatchClock()
    model.evaluate(monitored.take(WARMUP_STEPS + TIMED_STEPS), verbose=QUIET, callbacks=[clock])
    return Measurement(step_seconds, clock.seconds_per_batch(WARMUP_STEPS) * evaluation_batches, losses[-1])


class BatchClock(keras.callbacks.Callback):
    """Note when each batch ends, so that tracing and the filling of buffers can be left out of a measurement."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = [time.monotonic()]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """See Keras."""
        self.ends.append(time.monotonic())

    on_test_batch_end = on_train_batch_end

    def seconds_per_batch(self, skipped: int) -> float:
        """Return the mean time of a batch, the first ones skipped as far as one is left."""
        first = min(skipped, len(self.ends) - 2)
        return (self.ends[-1] - self.ends[first]) / (len(self.ends) - 1 - first)


PROGRESS_SECONDS = 2.0


class OutOfTime(Exception):
    """Say that a pass through the backbone was given up at the training's deadline."""


class PassWatch:
    """Tell the progress of a pass of images through a network, and end it at a deadline.

    Args:
        part: whose images pass.
        view: which of its views.
        images: in all.
        deadline: `time.monotonic()` at which it is given up.
        event: as which progress is told.
    """

    def __init__(self, part: str, view: int, images: int, deadline: float, event: PassKind = "features") -> None:
        self.part, self.view, self.images, self.deadline = part, view, images, deadline
        self.event: PassKind = event
        self.done = 0
        self.told = time.monotonic()

    def is_late(self) -> bool:
        """Return whether the deadline is over; asked often, it keeps the parent from taking a wait for a hang."""
        now = time.monotonic()
        if now - self.told >= PROGRESS_SECONDS:
            self.told = now
            emit(ImagesPassed(event=self.event, part=self.part, view=self.view, done=self.done, images=self.images))
        return now >= self.deadline

    def advance(self, images: int) -> None:
        """Count images that are done.

        Raises:
            OutOfTime: the deadline is over.
        """
        self.done += images
        if self.is_late():
            raise OutOfTime
