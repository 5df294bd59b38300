"""Training loop of one variant: one Keras epoch at a time, so that it can stop and resume after any epoch."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from data.base.errors import PipelineError
from data.records.training import EARLY_STOPPING, EpochRecord
from data.system.child_process import emit
from data.system.hardware import describe_processor, peak_memory_bytes
from models.catalog.train_config import TrainConfig
from models.jobs.checkpoint import TrainState, load_state, restore_best, restore_checkpoint, save_best, save_checkpoint
from models.jobs.events import EpochEnded, Finetuning, Resumed, TrainingProgress
from models.jobs.plan import BUDGET_RESERVE, Plan
from models.training.finetuning import TunedBackbone
from models.training.optimizer import PlannedCosine, compile_model, schedule_of
from models.training.timing import MEASURED_STEPS, PROGRESS_SECONDS, QUIET, WARMUP_STEPS, BatchClock, OutOfTime

REASON_PLAN = "the plan"

REASON_BUDGET = "the plan, which the time budget shortened"

REASON_DEADLINE = "the time budget, before the end of the plan"

MIN_PLAN_CHANGE = 0.02
"""Fraction of the planned steps: the plan is changed only if the number of steps changes by more than this."""


class Trainer:
    """Train a model by a plan, with a checkpoint after every epoch.

    Args:
        model: not compiled; each phase of the plan compiles it with a new optimizer.
        config: the recipe.
        plan: the steps to take.
        run_dir: directory of the checkpoints.
        training: function of (epoch, 0-based, and deadline as `time.monotonic()`) to (dataset of (pixels or features,
            one-hot labels), view number); raises `OutOfTime` if the deadline comes before the dataset is ready.
        monitored: dataset that chooses the best epoch.
    """

    def __init__(
        self,
        model: keras.Model,
        config: TrainConfig,
        plan: Plan,
        run_dir: Path,
        training: Callable[[int, float], tuple[Any, int]],
        monitored: Any,
    ) -> None:
        self.model, self.config, self.plan, self.run_dir = model, config, plan, run_dir
        self.training, self.monitored = training, monitored
        self.tuned = TunedBackbone(model)
        self.state = TrainState()
        self.began = 0.0
        self.processor = ""

    @property
    def variables(self) -> list[Any]:
        """All variables that a step changes: weights, normalisation statistics, random state and optimizer slots."""
        return [*self.model.variables, *self.model.optimizer.variables]

    def run(self, started: float) -> TrainState:
        """Train from the last checkpoint to the end of the plan, then restore the weights of the best epoch.

        Args:
            started: `time.monotonic()` at the start of the child process. The time budget counts from the end of the
                preparation instead, so that a slow start costs no epochs.
        """
        self.began, self.processor = time.monotonic(), describe_processor()
        earlier = self.state = load_state(self.run_dir) or TrainState(total_steps=self.plan.total_steps)
        self._begin_phase()
        restore_checkpoint(self.run_dir, self.variables)
        if earlier.history:
            emit(Resumed(epoch=len(earlier.history), accuracy=earlier.best_accuracy))
        deadline = self.began + (self.plan.budget_seconds or math.inf) - earlier.trained_seconds
        while not self.state.stopped_because:
            if self._is_head_done():
                self._finetune()
            try:
                # Every model is trained for at least one epoch, even if that takes longer than the time budget.
                dataset = self.training(len(self.state.history), deadline if self.state.history else math.inf)
            except OutOfTime:
                spent = self._spent(earlier, started)
                self._keep(self.state.model_copy(update={"stopped_because": REASON_DEADLINE, **spent}))
                break
            watch = StepWatch(self.plan, self.state, deadline, schedule_of(self.model))
            resumed = bool(earlier.history) and len(self.state.history) == len(earlier.history)
            record = self._train_epoch(*dataset, watch, resumed)
            self._advance(record, watch, earlier, started)
        restore_best(self.run_dir, self.model.variables)
        return self.state

    def _begin_phase(self) -> None:
        """Compile for the current phase: the head alone or all layers, at the learning rate of the phase."""
        config, finetuned_from = self.config, self.state.finetuned_from
        self.tuned.train(bool(finetuned_from) or not self.plan.head_fraction)
        if finetuned_from:
            config = config.model_copy(update={"learning_rate": config.finetune_rate})
        compile_model(self.model, config, self.plan.phase_steps(self.state.total_steps, finetuned_from))

    def _is_head_done(self) -> bool:
        """Return whether the head has had its share of the plan, or has stopped improving before that."""
        state = self.state
        if not self.plan.head_fraction or state.finetuned_from or not state.history:
            return False
        return state.steps >= self.plan.head_steps(state.total_steps) or self._is_patience_over(state)

    def _finetune(self) -> None:
        """Start the second phase from the current head, with a new optimizer."""
        self.state = self.state.model_copy(update={"finetuned_from": self.state.steps})
        self._begin_phase()
        emit(Finetuning(epoch=len(self.state.history) + 1, layers=len(self.tuned.layers)))

    def _is_patience_over(self, state: TrainState) -> bool:
        """Return whether early stopping has waited long enough; the waiting starts again with each phase."""
        epochs = len(state.history)
        since = max(state.best_epoch, state.finetuned_from // self.plan.steps_per_epoch)
        return bool(self.config.patience) and epochs - since >= self.config.patience

    def _train_epoch(self, dataset: Any, view: int, watch: "StepWatch", resumed: bool) -> EpochRecord:
        wall, cores = time.monotonic(), time.process_time()
        logs = self.model.fit(dataset, shuffle=False, verbose=QUIET, callbacks=[watch]).history
        monitored = self.model.evaluate(self.monitored, verbose=QUIET, return_dict=True)
        return EpochRecord(
            epoch=len(self.state.history) + 1,
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
            processor=self.processor,
            threads=self.plan.threads,
        )

    def _advance(self, record: EpochRecord, watch: "StepWatch", earlier: TrainState, started: float) -> None:
        """Add the finished epoch to the state and the checkpoint, and report it."""
        if record.monitor_accuracy > self.state.best_accuracy:
            save_best(self.run_dir, self.model.variables)
        steps = self.state.steps + watch.steps_done
        state = self._state_after(record, watch, earlier, started)
        self._keep(state.model_copy(update={"stopped_because": self._reason_to_stop(state, watch)}))
        epochs = math.ceil(self.state.total_steps / self.plan.steps_per_epoch)
        left = record.seconds / watch.steps_done * (self.state.total_steps - steps)
        emit(
            EpochEnded(
                **record.model_dump(),
                epochs=epochs,
                fraction=steps / self.state.total_steps,
                best_accuracy=self.state.best_accuracy,
                seconds_left=round(left + self.plan.pass_seconds(record.epoch, epochs), 1),
            )
        )

    def _state_after(self, record: EpochRecord, watch: "StepWatch", earlier: TrainState, started: float) -> TrainState:
        """Return the state after this epoch; it does not say yet whether the training stops."""
        better = record.monitor_accuracy > self.state.best_accuracy
        spent = self._spent(earlier, started)
        return TrainState(
            history=(*self.state.history, record),
            steps=self.state.steps + watch.steps_done,
            total_steps=watch.total_steps,
            finetuned_from=self.state.finetuned_from,
            best_epoch=record.epoch if better else self.state.best_epoch,
            best_accuracy=max(record.monitor_accuracy, self.state.best_accuracy),
            trained_seconds=spent["trained_seconds"],
            wall_seconds=spent["wall_seconds"],
            core_seconds=earlier.core_seconds + time.process_time(),
            peak_memory_bytes=max(earlier.peak_memory_bytes, peak_memory_bytes()),
        )

    def _spent(self, earlier: TrainState, started: float) -> dict[str, float]:
        """Return the wall seconds of all starts so far: of the training alone, and all of them."""
        now = time.monotonic()
        return {
            "trained_seconds": earlier.trained_seconds + now - self.began,
            "wall_seconds": earlier.wall_seconds + now - started,
        }

    def _keep(self, state: TrainState) -> None:
        """Make this the current state and write a checkpoint of it."""
        self.state = state
        save_checkpoint(self.run_dir, self.variables, state)

    def _reason_to_stop(self, state: TrainState, watch: "StepWatch") -> str:
        if state.steps >= state.total_steps:
            shortened = state.total_steps < self.plan.steps_per_epoch * self.config.epochs
            return REASON_BUDGET if shortened else REASON_PLAN
        if time.monotonic() >= watch.deadline:
            return REASON_DEADLINE
        # A head that has stopped improving is not the end: fine-tuning starts then.
        if self._is_patience_over(state) and (state.finetuned_from or not self.plan.head_fraction):
            return EARLY_STOPPING
        return ""


class StepWatch(keras.callbacks.Callback):
    """Watch the steps of one epoch: keep to the plan and the time budget, stop at a loss of NaN, report progress.

    A machine may be slower or faster than measured, perhaps only for a while: the first steps of a training are often
    the slowest. The number of planned steps is adapted to its pace, so that the learning rate falls to zero shortly
    before the time is up. It grows in the first half alone: later, the learning rate would have to rise again.

    Args:
        plan: the steps to take.
        state: state of the training before this epoch.
        deadline: `time.monotonic()` at which the time budget is spent.
        schedule: learning-rate schedule of the optimizer, if it follows the plan.
    """

    def __init__(self, plan: Plan, state: TrainState, deadline: float, schedule: PlannedCosine | None = None) -> None:
        super().__init__()
        self.plan, self.state, self.deadline, self.schedule = plan, state, deadline, schedule
        self.total_steps = state.total_steps
        self.steps_done = 0
        self.clock = BatchClock()
        self.reported = time.monotonic()
        self._plan_steps(self.total_steps)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """See Keras."""
        self.steps_done = batch + 1
        self.clock.on_train_batch_end(batch)
        now, logs = time.monotonic(), logs or {}
        loss = logs.get("loss", 0.0)
        if not math.isfinite(loss):
            raise PipelineError(
                f"got a training loss of {loss} in step {batch + 1} of epoch {len(self.state.history) + 1}, "
                "expected a finite number: lower learning_rate in this variant's TrainConfig"
            )
        if now - self.reported >= PROGRESS_SECONDS:
            self.reported = now
            self._keep_to_time(now)
            self._report(logs)
        if self.model and (now >= self.deadline or self.state.steps + self.steps_done >= self.total_steps):
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """See Keras. Adapts the plan here too, because an epoch may be too short for a progress report."""
        self._keep_to_time(time.monotonic())

    def _keep_to_time(self, now: float) -> None:
        """Shorten the plan to the pace of this epoch, or lengthen it to the whole recipe at most."""
        total_steps = self._steps_until(self.deadline - now)
        if total_steps >= self.total_steps:  # a plan that fits stays, and grows only into what is not reserved
            reserve = BUDGET_RESERVE * self.plan.budget_seconds
            total_steps = max(self.total_steps, self._steps_until(self.deadline - now - reserve))
        if (
            self.steps_done >= MEASURED_STEPS
            and abs(total_steps - self.total_steps) > MIN_PLAN_CHANGE * self.total_steps
        ):
            self._plan_steps(total_steps)

    def _steps_until(self, seconds: float) -> int:
        """Return how many steps of the whole training fit if so many seconds are left."""
        done, most = self.state.steps + self.steps_done, max(self.total_steps, self.plan.total_steps)
        if done < self.total_steps / 2:
            most = max(most, self.plan.most_steps)
        pace = self.clock.seconds_per_batch(WARMUP_STEPS)
        return self.plan.steps_within(seconds, pace, done, self.state.finetuned_from, most)

    def _plan_steps(self, total_steps: int) -> None:
        self.total_steps = total_steps
        if self.schedule:
            self.schedule.total_steps.assign(self.plan.phase_steps(total_steps, self.state.finetuned_from))

    def _report(self, logs: dict[str, float]) -> None:
        done, epoch = self.state.steps + self.steps_done, len(self.state.history) + 1
        epochs = math.ceil(self.total_steps / self.plan.steps_per_epoch)
        left = self.clock.seconds_per_batch(WARMUP_STEPS) * (self.total_steps - done)
        emit(
            TrainingProgress(
                epoch=epoch,
                epochs=epochs,
                fraction=done / self.total_steps,
                accuracy=logs["accuracy"],
                seconds_left=round(left + self.plan.pass_seconds(epoch, epochs), 1),
            )
        )
