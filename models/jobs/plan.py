"""Plan of one training: precision, threads, steps and epochs, decided once before the first epoch."""

import logging
import math
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, Self

from data.base.errors import PipelineError
from data.base.record import Record
from data.system.hardware import has_bfloat16
from models.jobs.files import PLAN_NAME
from models.jobs.specs import FitSpec

logger = logging.getLogger(__name__)

BUDGET_RESERVE = 0.05  # share of the budget, for checkpoints and varying speed of a shared machine

SHORT_EPOCHS = 25
"""A time budget that allows fewer epochs takes the short views, if there are any: they suit few epochs better.
Measured on the real images: compact reached 78.3 % in 24 epochs on lightly augmented views with 1,540 core-seconds, and
77.5 % in 40 epochs on strongly augmented ones with 2,600."""

LOSS_TOLERANCE = 0.05  # relative difference of the losses at which a lower precision is no longer trusted

Precision = Literal["float32", "mixed_bfloat16"]

PRECISIONS: tuple[Precision, ...] = ("float32", "mixed_bfloat16")


class Measurement(NamedTuple):
    """Cost of a few training steps on this machine in wall seconds, and the loss after them."""

    step_seconds: float
    evaluation_seconds: float
    loss: float
    pass_seconds: float = 0.0
    """Seconds of one view's pass through a frozen backbone, if its features are stored."""
    head_step_seconds: float = 0.0
    """Seconds of a step that trains only the head, if the training begins with such steps."""


class FeatureViews(NamedTuple):
    """Views for which the features of a frozen backbone are stored."""

    views: int
    """Number of views of the train part."""
    prepared: int
    """How many of them, counted from the first, are stored already."""
    monitored_share: float = 0.0
    """Size of the monitored part relative to a view: it passes before the first epoch; 0 if it is stored already."""


Measure = Callable[[Precision], Measurement]


class Plan(Record):
    """Plan of one training; a resumed training reads it instead of measuring again."""

    precision: Precision
    threads: int
    steps_per_epoch: int
    total_steps: int
    epochs: int
    most_steps: int = 0
    """Steps of the whole recipe, to which a plan that a budget has shortened may grow; 0 if it may not grow."""
    budget_seconds: float
    measured: dict[Precision, Measurement]
    feature_views: int = 0
    """Views whose stored backbone features the head is trained on; 0 if images pass the backbone in every epoch."""
    prepared_views: int = 0
    """How many of these views, counted from the first, were stored already when the plan was made."""
    short_views: bool = False
    """Whether the training takes the views that suit few epochs."""
    head_fraction: float = 0.0
    """Share of the epochs that train only the head, before layers of the backbone; 0 if all train from the start."""

    @property
    def cost(self) -> Measurement:
        """Return the measurement in the plan's precision, or zero seconds if there is none."""
        return self.measured.get(self.precision, Measurement(0.0, 0.0, 0.0))

    def pass_seconds(self, first_epoch: int, epochs: int) -> float:
        """Return the seconds of the backbone passes that epochs `first_epoch` (0-based) to `epochs` - 1 need."""
        fresh = range(max(first_epoch, self.prepared_views), min(epochs, self.feature_views))
        return len(fresh) * self.cost.pass_seconds

    def head_steps(self, total_steps: int) -> int:
        """Return how many of a plan's steps train only the head: whole epochs, at least one.

        If there is only one epoch, it trains only the head: an untrained head would damage the backbone's weights.
        """
        epochs = math.ceil(total_steps / self.steps_per_epoch)
        head_epochs = max(1, min(round(self.head_fraction * epochs), epochs - 1))
        return min(total_steps, head_epochs * self.steps_per_epoch) if self.head_fraction else 0

    def phase_steps(self, total_steps: int, finetuned_from: int) -> int:
        """Return the steps of the current phase; `finetuned_from` is the step at which the second phase began, or 0."""
        if finetuned_from:
            return total_steps - finetuned_from
        return self.head_steps(total_steps) or total_steps

    def seconds_between(self, done: int, total_steps: int, step_seconds: float, finetuned_from: int = 0) -> float:
        """Return the seconds that the rest of a plan takes: steps, evaluations, and backbone passes of new views.

        Args:
            done: steps that are finished.
            total_steps: all steps of the plan.
            step_seconds: seconds of a step in the current phase; from it, steps of the second phase are estimated.
            finetuned_from: the step at which the second phase began, or 0.
        """
        epochs = math.ceil(total_steps / self.steps_per_epoch)
        evaluations = (epochs - done // self.steps_per_epoch) * self.cost.evaluation_seconds
        passes = self.pass_seconds(math.ceil(done / self.steps_per_epoch), epochs)
        head = 0 if finetuned_from else max(0, self.head_steps(total_steps) - done)
        slower = self.cost.step_seconds / self.cost.head_step_seconds if self.cost.head_step_seconds else 1.0
        rest = (total_steps - done - head) * (1.0 if finetuned_from or not self.head_fraction else slower)
        return evaluations + passes + (head + rest) * step_seconds

    def steps_within(
        self, seconds: float, step_seconds: float, done: int = 0, finetuned_from: int = 0, most: int | None = None
    ) -> int:
        """Return how many steps there is time for, including the `done` ones; see `seconds_between`.

        Args:
            seconds: wall seconds that are left.
            step_seconds: see `seconds_between`.
            done: steps that are finished.
            finetuned_from: see `seconds_between`.
            most: steps that are never exceeded; those of the plan by default.
        """
        last = self.total_steps if most is None else most

        def needed(total_steps: int) -> float:
            return self.seconds_between(done, total_steps, step_seconds, finetuned_from)

        return done + bisect_right(range(done + 1, last + 1), seconds, key=needed)

    def budget_for(self, epochs: int) -> float:
        """Return the budget in seconds with which so many epochs are planned, by what was measured."""
        cost = self.cost
        first_seconds = cost.head_step_seconds if self.head_fraction else cost.step_seconds
        return self.seconds_between(0, epochs * self.steps_per_epoch, first_seconds) / (1 - BUDGET_RESERVE)

    def shortened(self, total_steps: int) -> Self:
        """Return the plan with this many steps, at least one."""
        total_steps = max(1, total_steps)
        epochs = math.ceil(total_steps / self.steps_per_epoch)
        return self.model_copy(update={"total_steps": total_steps, "epochs": epochs})


def load_plan(run_dir: Path) -> Plan | None:
    """Return the stored plan of an earlier start, or None."""
    path = run_dir / PLAN_NAME
    return Plan.model_validate_json(path.read_bytes()) if path.exists() else None


def make_plan(spec: FitSpec, images: int, measure: Measure, head_first: bool = False) -> Plan:
    """Decide the precision and the number of steps of a training.

    Args:
        spec: the training's specification.
        images: training images in one view.
        measure: measures the time of a few steps in a precision; called only if the precision or the budget needs it.
        head_first: whether the recipe trains the new head first, and layers of a backbone after it.

    Raises:
        PipelineError: there are no training images.
    """
    if images == 0:
        raise PipelineError("got no training images, expected at least one: look at the quarantine list of this data")
    precision, measured = choose_precision(spec, measure)
    plan = _full_plan(spec, images, precision, measured)
    if head_first:
        plan = plan.model_copy(update={"head_fraction": spec.train.head_fraction})
    if not plan.budget_seconds:
        return plan
    first_seconds = plan.cost.head_step_seconds if plan.head_fraction else plan.cost.step_seconds
    plan = plan.shortened(plan.steps_within(_planned_seconds(plan), first_seconds))
    return plan.model_copy(update={"short_views": spec.short_views is not None and plan.epochs < SHORT_EPOCHS})


def make_feature_plan(spec: FitSpec, images: int, kept: FeatureViews, measure: Measure) -> Plan:
    """Decide the steps of a head on stored features, and how many views pass the backbone within a time budget.

    New views may use up to half of the remaining time, and more only if all epochs still fit. If there is not even time
    for one view, no features are stored: the time is then used for some steps through the whole network.

    Args:
        spec: the training's specification; "auto" means float32 here, since a head gains little from bfloat16.
        images: training images in one view, at least one.
        kept: the views, and how many of them are stored already.
        measure: measures the time of a few steps of the head, and of the backbone; called only if there is a budget.
    """
    precision: Precision = "float32" if spec.train.precision == "auto" else spec.train.precision
    measured: dict[Precision, Measurement] = {}
    if spec.train.time_budget_minutes:
        measured[precision] = measure(precision)
    plan = _full_plan(spec, images, precision, measured)
    if not plan.budget_seconds:
        return plan.model_copy(update={"feature_views": kept.views, "prepared_views": kept.prepared})
    cost, left = plan.cost, _planned_seconds(plan) - kept.monitored_share * plan.cost.pass_seconds
    heads = plan.epochs * (plan.steps_per_epoch * cost.step_seconds + cost.evaluation_seconds)
    passes = int(max(left / 2, left - heads) / cost.pass_seconds) if cost.pass_seconds else kept.views
    views = min(kept.views, max(1, kept.prepared + passes))
    on_features = plan.model_copy(update={"feature_views": views, "prepared_views": min(kept.prepared, views)})
    steps = on_features.steps_within(left, cost.step_seconds)
    return on_features.shortened(steps) if steps else _plan_on_pixels(plan, kept.monitored_share)


def _plan_on_pixels(plan: Plan, monitored_share: float) -> Plan:
    """Return the plan with steps through the whole network; each costs as much as backbone and head together."""
    cost = plan.cost
    whole = cost._replace(
        step_seconds=cost.step_seconds + cost.pass_seconds / plan.steps_per_epoch,
        evaluation_seconds=cost.evaluation_seconds + monitored_share * cost.pass_seconds,
        pass_seconds=0.0,
    )
    plan = plan.model_copy(update={"measured": {plan.precision: whole}})
    return plan.shortened(plan.steps_within(_planned_seconds(plan), whole.step_seconds))


def _full_plan(spec: FitSpec, images: int, precision: Precision, measured: dict[Precision, Measurement]) -> Plan:
    steps_per_epoch = math.ceil(images / spec.train.batch_size)
    return Plan(
        precision=precision,
        threads=spec.threads,
        steps_per_epoch=steps_per_epoch,
        total_steps=steps_per_epoch * spec.train.epochs,
        most_steps=steps_per_epoch * spec.train.epochs,
        epochs=spec.train.epochs,
        budget_seconds=spec.train.time_budget_minutes * 60,
        measured=measured,
    )


def _planned_seconds(plan: Plan) -> float:
    """Return the seconds of a budget that are planned; it counts training, not the start and the measurement."""
    return plan.budget_seconds * (1 - BUDGET_RESERVE)


def choose_precision(spec: FitSpec, measure: Measure) -> tuple[Precision, dict[Precision, Measurement]]:
    """Return the faster precision whose loss agrees with float32's, and what was measured.

    If the recipe names a precision, it is used, and measured only if a budget has to be planned. The same applies to
    float32 if the processor has no bfloat16, since a few emulated steps may use up a whole time budget.
    """
    if spec.train.precision != "auto" or not has_bfloat16():
        named = "float32" if spec.train.precision == "auto" else spec.train.precision
        return named, {named: measure(named)} if spec.train.time_budget_minutes else {}
    measured: dict[Precision, Measurement] = {precision: measure(precision) for precision in PRECISIONS}
    exact, mixed = measured["float32"], measured["mixed_bfloat16"]
    agrees = abs(mixed.loss - exact.loss) <= LOSS_TOLERANCE * abs(exact.loss)
    faster = mixed.step_seconds < exact.step_seconds
    return ("mixed_bfloat16" if agrees and faster else "float32"), measured
