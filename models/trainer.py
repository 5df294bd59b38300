"""The training loop of one variant: one Keras epoch at a time, so that it can stop and go on at any of them."""

import math
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from data.child import emit
from data.errors import PipelineError
from data.records import EpochRecord
from models.checkpoint import TrainState, restore_best, restore_checkpoint, save_best, save_checkpoint
from models.config import TrainConfig
from models.plan import Measurement, Plan

PROGRESS_SECONDS = 2.0
WARMUP_STEPS = 3
TIMED_STEPS = 10
MEASURED_STEPS = WARMUP_STEPS + TIMED_STEPS
SILENT: Any = 0  # an int for Keras, though its annotation says str

REASON_EPOCHS = "the plan"
REASON_PATIENCE = "early stopping"
REASON_BUDGET = "time budget"


def compile_model(model: keras.Model, config: TrainConfig, total_steps: int) -> None:
    """Compile with the configured optimizer, schedule and loss; labels are one-hot."""
    model.compile(
        optimizer=make_optimizer(config, total_steps),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=config.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False,  # type: ignore[arg-type]  # XLA was slower on CPU in every case tried
    )
    model.optimizer.build(model.trainable_variables)


def make_optimizer(config: TrainConfig, total_steps: int) -> keras.optimizers.Optimizer:
    """Return the optimizer with its learning-rate schedule over `total_steps` steps."""
    rate = _learning_rate(config, total_steps)
    decay = config.weight_decay or None
    if config.optimizer == "adam":
        optimizer = keras.optimizers.Adam(rate, weight_decay=decay)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=config.momentum, nesterov=config.nesterov, weight_decay=decay)
    if decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return optimizer


def _learning_rate(config: TrainConfig, total_steps: int) -> Any:
    if config.schedule == "constant":
        return config.learning_rate
    warmup = int(total_steps * config.warmup_fraction)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 25 if warmup else config.learning_rate,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
        decay_steps=max(1, total_steps - warmup),
    )


def measure_steps(model: keras.Model, training: Any, monitored: Any, evaluation_batches: int) -> Measurement:
    """Time training steps and an evaluation of a compiled model on this machine; the model is spent afterwards.

    Args:
        model: compiled.
        training: dataset of (pixels, one-hot labels).
        monitored: dataset that an epoch ends with.
        evaluation_batches: how many batches `monitored` has.
    """
    steps, clock = training.repeat().take(MEASURED_STEPS), BatchClock()
    losses = model.fit(steps, shuffle=False, verbose=SILENT, callbacks=[clock]).history["loss"]
    step_seconds = clock.seconds_per_batch(WARMUP_STEPS)
    clock = BatchClock()
    model.evaluate(monitored.take(WARMUP_STEPS + TIMED_STEPS), verbose=SILENT, callbacks=[clock])
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


class Trainer:
    """Train a compiled model by a plan, checkpointing after every epoch.

    Args:
        model: compiled, its optimizer built.
        config: the recipe.
        plan: the steps to take.
        run_dir: where checkpoints live.
        training: epoch (0-based) -> (dataset of (pixels, one-hot labels), view number).
        monitored: dataset that chooses the best epoch.
    """

    def __init__(
        self,
        model: keras.Model,
        config: TrainConfig,
        plan: Plan,
        run_dir: Path,
        training: Callable[[int], tuple[Any, int]],
        monitored: Any,
    ) -> None:
        self.model, self.config, self.plan, self.run_dir = model, config, plan, run_dir
        self.training, self.monitored = training, monitored
        self.state = TrainState()

    @property
    def variables(self) -> list[Any]:
        """Everything that a step changes: weights, normalisation statistics, random state and optimizer slots."""
        return [*self.model.variables, *self.model.optimizer.variables]

    def run(self, started: float) -> TrainState:
        """Train from the last checkpoint to the end of the plan and leave the best epoch's weights in the model.

        Args:
            started: `time.monotonic()` at the start of the child, from which its time budget counts.
        """
        self.state = restore_checkpoint(self.run_dir, self.variables) or self.state
        earlier = self.state
        if earlier.history:
            emit("resumed", epoch=len(earlier.history), accuracy=earlier.best_accuracy)
        while not self.state.stopped_because:
            deadline = (
                started + self.plan.budget_seconds - earlier.wall_seconds if self.plan.budget_seconds else math.inf
            )
            record = self._train_epoch(deadline, resumed=bool(earlier.history) and self.state is earlier)
            self._advance(record, deadline, earlier, started)
        restore_best(self.run_dir, self.model.variables)
        return self.state

    def _train_epoch(self, deadline: float, resumed: bool) -> EpochRecord:
        epoch = len(self.state.history)
        dataset, view = self.training(epoch)
        steps = min(self.plan.steps_per_epoch, self.plan.total_steps - self.state.steps)
        watch = StepWatch(self.plan, epoch, self.state.steps, deadline)
        wall, cores = time.monotonic(), time.process_time()
        logs = self.model.fit(dataset.take(steps), shuffle=False, verbose=SILENT, callbacks=[watch]).history
        monitored = self.model.evaluate(self.monitored, verbose=SILENT, return_dict=True)
        return EpochRecord(
            epoch=epoch + 1,
            loss=logs["loss"][-1],
            accuracy=logs["accuracy"][-1],
            monitor_loss=monitored["loss"],
            monitor_accuracy=monitored["accuracy"],
            learning_rate=float(self.model.optimizer.learning_rate),
            seconds=round(time.monotonic() - wall, 3),
            core_seconds=round(time.process_time() - cores, 3),
            view=view,
            partial=watch.steps_done < self.plan.steps_per_epoch,
            resumed=resumed,
        )

    def _advance(self, record: EpochRecord, deadline: float, earlier: TrainState, started: float) -> None:
        """Take the finished epoch into the state, the checkpoint and the events."""
        better = record.monitor_accuracy > self.state.best_accuracy
        if better:
            save_best(self.run_dir, self.model.variables)
        steps = int(self.model.optimizer.iterations.numpy())
        best_epoch = record.epoch if better else self.state.best_epoch
        self.state = TrainState(
            history=(*self.state.history, record),
            steps=steps,
            best_epoch=best_epoch,
            best_accuracy=max(record.monitor_accuracy, self.state.best_accuracy),
            wall_seconds=earlier.wall_seconds + time.monotonic() - started,
            core_seconds=earlier.core_seconds + time.process_time(),
            peak_memory_bytes=max(earlier.peak_memory_bytes, peak_memory_bytes()),
            stopped_because=self._reason_to_stop(record.epoch, best_epoch, steps, deadline),
        )
        save_checkpoint(self.run_dir, self.variables, self.state)
        emit(
            "epoch",
            **record.model_dump(),
            epochs=self.plan.epochs,
            fraction=steps / self.plan.total_steps,
            best_accuracy=self.state.best_accuracy,
            seconds_left=round(record.seconds * (self.plan.total_steps - steps) / self.plan.steps_per_epoch, 1),
        )

    def _reason_to_stop(self, epoch: int, best_epoch: int, steps: int, deadline: float) -> str:
        if steps >= self.plan.total_steps:
            shortened = self.plan.epochs < self.config.epochs
            return f"{REASON_EPOCHS}, which the {REASON_BUDGET} shortened" if shortened else REASON_EPOCHS
        if time.monotonic() >= deadline:
            return REASON_BUDGET
        if self.config.patience and epoch - best_epoch >= self.config.patience:
            return REASON_PATIENCE
        return ""


class StepWatch(keras.callbacks.Callback):
    """Watch the steps of one epoch: stop at the deadline, fail on a loss that is no number, report progress."""

    def __init__(self, plan: Plan, epoch: int, steps_before: int, deadline: float) -> None:
        super().__init__()
        self.plan, self.epoch, self.steps_before, self.deadline = plan, epoch, steps_before, deadline
        self.steps_done = 0
        self.started = self.reported = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """See Keras."""
        self.steps_done = batch + 1
        now = time.monotonic()
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            raise PipelineError(
                f"got a training loss of {loss} in step {batch + 1} of epoch {self.epoch + 1}, "
                "expected a finite number: lower learning_rate in this variant's TrainConfig"
            )
        if now >= self.deadline and self.model:
            self.model.stop_training = True
        if now - self.reported >= PROGRESS_SECONDS:
            self.reported = now
            self._report(now, logs or {})

    def _report(self, now: float, logs: dict[str, float]) -> None:
        done = self.steps_before + self.steps_done
        eta = (now - self.started) / self.steps_done * (self.plan.total_steps - done)
        emit(
            "progress",
            epoch=self.epoch + 1,
            epochs=self.plan.epochs,
            fraction=done / self.plan.total_steps,
            accuracy=logs.get("accuracy"),
            seconds_left=round(min(eta, max(0.0, self.deadline - now)), 1),
        )


def peak_memory_bytes() -> int:
    """Return the largest resident size of this process so far, in bytes (Linux counts it in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
