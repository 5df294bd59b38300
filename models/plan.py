"""The plan of one training: threads, steps and epochs, resolved once before the first epoch."""

import logging
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from data.errors import PipelineError
from models.config import FitSpec

logger = logging.getLogger(__name__)

PLAN_NAME = "plan.json"
WARMUP_STEPS = 3
TIMED_STEPS = 10
BUDGET_RESERVE = 0.05  # of the budget, for checkpoints and the noise of a shared machine


class Plan(BaseModel):
    """What one training will do; a resumed training reads it and measures nothing again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: str
    threads: int
    steps_per_epoch: int
    total_steps: int
    epochs: int
    seconds_per_step: float
    budget_seconds: float


def load_plan(run_dir: Path) -> Plan | None:
    """Return the stored plan of an earlier start, or None."""
    path = run_dir / PLAN_NAME
    return Plan.model_validate_json(path.read_text()) if path.exists() else None


def make_plan(spec: FitSpec, images: int, measure: Any, spent_seconds: float) -> Plan:
    """Resolve how many steps the training takes.

    Args:
        spec: the training's specification.
        images: training images in one view.
        measure: called without arguments where there is a time budget; returns seconds a step and seconds an epoch's
            evaluation.
        spent_seconds: what the start of the child has used of the budget already.

    Raises:
        PipelineError: there are no training images.
    """
    if images == 0:
        raise PipelineError("got no training images, expected at least one: look at the quarantine list of this data")
    steps_per_epoch = math.ceil(images / spec.train.batch_size)
    total_steps = steps_per_epoch * spec.train.epochs
    budget_seconds = spec.train.time_budget_minutes * 60
    seconds_per_step = 0.0
    if budget_seconds:
        started = time.monotonic()
        seconds_per_step, evaluation_seconds = measure()
        left = budget_seconds * (1 - BUDGET_RESERVE) - spent_seconds - (time.monotonic() - started)
        affordable = int(left / (seconds_per_step + evaluation_seconds / steps_per_epoch))
        total_steps = max(1, min(total_steps, affordable))
    return Plan(
        precision="float32",
        threads=spec.threads,
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps,
        epochs=math.ceil(total_steps / steps_per_epoch),
        seconds_per_step=round(seconds_per_step, 5),
        budget_seconds=budget_seconds,
    )


def measure_steps(
    model: Any, training: Any, monitored: Any, monitored_images: int, batch_size: int
) -> tuple[float, float]:
    """Time training steps and an evaluation on this machine, leaving the model as it was.

    Returns:
        Wall seconds of one training step, and of one evaluation of the monitored part.
    """
    variables = [*model.variables, *model.optimizer.variables]
    before = [np.array(variable) for variable in variables]
    model.fit(training.take(WARMUP_STEPS), verbose=0)
    model.evaluate(monitored.take(1), verbose=0)
    seconds_per_step = _timed(lambda: model.fit(training.take(TIMED_STEPS), verbose=0)) / TIMED_STEPS
    batch_seconds = _timed(lambda: model.evaluate(monitored.take(TIMED_STEPS // 2), verbose=0)) / (TIMED_STEPS // 2)
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    return seconds_per_step, batch_seconds * math.ceil(monitored_images / batch_size)


def _timed(action: Any) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started
