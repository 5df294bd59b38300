"""Time measurements of training steps and of passes through a network, and the deadline of a pass."""

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
    """Time training steps and an evaluation on this machine; the model has changed weights afterwards.

    Args:
        model: compiled.
        training: dataset of (pixels, one-hot labels).
        monitored: dataset that is evaluated after each epoch.
        evaluation_batches: how many batches `monitored` has.
    """
    steps, clock = training.repeat().take(MEASURED_STEPS), BatchClock()
    losses = model.fit(steps, shuffle=False, verbose=QUIET, callbacks=[clock]).history["loss"]
    step_seconds = clock.seconds_per_batch(WARMUP_STEPS)
    clock = BatchClock()
    model.evaluate(monitored.take(WARMUP_STEPS + TIMED_STEPS), verbose=QUIET, callbacks=[clock])
    return Measurement(step_seconds, clock.seconds_per_batch(WARMUP_STEPS) * evaluation_batches, losses[-1])


class BatchClock(keras.callbacks.Callback):
    """Record when each batch ends, so that a measurement can skip the first batches, which trace and fill buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = [time.monotonic()]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """See Keras."""
        self.ends.append(time.monotonic())

    on_test_batch_end = on_train_batch_end

    def seconds_per_batch(self, skipped: int) -> float:
        """Return the mean time of a batch without the first ones, of which so many are skipped that one is left."""
        first = min(skipped, len(self.ends) - 2)
        return (self.ends[-1] - self.ends[first]) / (len(self.ends) - 1 - first)


PROGRESS_SECONDS = 2.0


class OutOfTime(Exception):
    """A pass through the backbone was stopped at the deadline of the training."""


class PassWatch:
    """Report the progress of a pass of images through a network, and stop the pass at a deadline.

    Args:
        part: part that the images belong to.
        view: which view of the part.
        images: number of images.
        deadline: `time.monotonic()` at which the pass is stopped.
        event: name of the event that reports progress.
    """

    def __init__(self, part: str, view: int, images: int, deadline: float, event: PassKind = "features") -> None:
        self.part, self.view, self.images, self.deadline = part, view, images, deadline
        self.event: PassKind = event
        self.done = 0
        self.reported = time.monotonic()

    def is_late(self) -> bool:
        """Return whether the deadline is over; report progress now and then, so that the parent sees no hang."""
        now = time.monotonic()
        if now - self.reported >= PROGRESS_SECONDS:
            self.reported = now
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
