"""The plan of one training: precision, threads, steps and epochs, resolved once before the first epoch."""

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from data.errors import PipelineError
from data.hardware import has_bfloat16
from models.config import FitSpec

logger = logging.getLogger(__name__)

PLAN_NAME = "plan.json"
BUDGET_RESERVE = 0.05  # of the budget, for checkpoints and the noise of a shared machine
LOSS_TOLERANCE = 0.05  # relative difference of the losses at which a lower precision is no longer trusted

Precision = Literal["float32", "mixed_bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "mixed_bfloat16")


class Measurement(NamedTuple):
    """What a few training steps on this machine cost, in wall seconds, and where they led."""

    step_seconds: float
    evaluation_seconds: float
    loss: float


Measure = Callable[[Precision], Measurement]


class Plan(BaseModel):
    """What one training will do; a resumed training reads it and measures nothing again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: Precision
    threads: int
    steps_per_epoch: int
    total_steps: int
    epochs: int
    budget_seconds: float
    measured: dict[Precision, Measurement]

    @property
    def evaluation_seconds(self) -> float:
        """Return the measured seconds of an epoch's evaluation, 0 where nothing was measured."""
        return self.measured[self.precision].evaluation_seconds if self.precision in self.measured else 0.0


def load_plan(run_dir: Path) -> Plan | None:
    """Return the stored plan of an earlier start, or None."""
    path = run_dir / PLAN_NAME
    return Plan.model_validate_json(path.read_text()) if path.exists() else None


def make_plan(spec: FitSpec, images: int, measure: Measure, started: float) -> Plan:
    """Resolve the precision and how many steps the training takes.

    Args:
        spec: the training's specification.
        images: training images in one view.
        measure: times a few steps in a precision; called only where the precision or the budget asks for it.
        started: `time.monotonic()` at the start of the child, from which its budget counts.

    Raises:
        PipelineError: there are no training images.
    """
    if images == 0:
        raise PipelineError("got no training images, expected at least one: look at the quarantine list of this data")
    steps_per_epoch = math.ceil(images / spec.train.batch_size)
    total_steps = steps_per_epoch * spec.train.epochs
    budget_seconds = spec.train.time_budget_minutes * 60
    precision, measured = choose_precision(spec, measure)
    if budget_seconds:
        cost = measured[precision]
        left = budget_seconds * (1 - BUDGET_RESERVE) - (time.monotonic() - started)
        affordable = int(left / (cost.step_seconds + cost.evaluation_seconds / steps_per_epoch))
        total_steps = max(1, min(total_steps, affordable))
    return Plan(
        precision=precision,
        threads=spec.threads,
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps,
        epochs=math.ceil(total_steps / steps_per_epoch),
        budget_seconds=budget_seconds,
        measured=measured,
    )


def choose_precision(spec: FitSpec, measure: Measure) -> tuple[Precision, dict[Precision, Measurement]]:
    """Return the faster precision whose loss agrees with float32's, and what was measured.

    A precision that the recipe names is taken as it is, and measured only where a budget has to be planned; so is
    float32 where the processor has no bfloat16, since emulating it for a few steps may cost a whole time budget.
    """
    if spec.train.precision != "auto" or not has_bfloat16():
        named = "float32" if spec.train.precision == "auto" else spec.train.precision
        return named, {named: measure(named)} if spec.train.time_budget_minutes else {}
    measured: dict[Precision, Measurement] = {precision: measure(precision) for precision in PRECISIONS}
    exact, mixed = measured["float32"], measured["mixed_bfloat16"]
    agrees = abs(mixed.loss - exact.loss) <= LOSS_TOLERANCE * abs(exact.loss)
    faster = mixed.step_seconds < exact.step_seconds
    return ("mixed_bfloat16" if agrees and faster else "float32"), measured
