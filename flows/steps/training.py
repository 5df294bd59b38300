"""Trainings of a flow: plans them, runs several at once, and adds the ensemble and the student."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from prefect.task_runners import ThreadPoolTaskRunner

from data.base.errors import PipelineError
from data.records.training import VariantResult
from data.shared_store.objects import ObjectStore
from data.system.hardware import threads_per_child, usable_cores
from data.workspace.store import Produced, Workspace
from flows.settings import Settings
from flows.steps.prepare import PreparedData
from models.catalog.presets import Preset
from models.catalog.repeats import gather_repeats
from models.catalog.student import choose_teacher, make_student
from models.catalog.train_config import STUDENT_NAME
from models.catalog.variants import find_variant
from tasks.dataset.views import build_views
from tasks.support.child_processes import training_children
from tasks.training.distill import write_soft_labels
from tasks.training.elsewhere import train_elsewhere
from tasks.training.ensemble import build_ensemble, unfinished_ensemble
from tasks.training.train import TrainingJob, train_variant, unfinished_result

MOST_FOLLOWED = 64
"""Trainings on other hosts that one run follows at the same time."""


class Elsewhere(NamedTuple):
    """Where trainings run if not here."""

    pool: str
    """Work pool whose workers take them."""
    store: ObjectStore
    """Store of all hosts."""


def find_elsewhere(pool: str, settings: Settings, force: bool = False) -> Elsewhere | None:
    """Return where the trainings of a run with `--on POOL` run, or None for here.

    Raises:
        PipelineError: there is a pool, but no store, or every training is to be repeated.
    """
    if pool and force:
        raise PipelineError(
            f"got --force with --on {pool}, expected one of them: the first result in the store counts for all hosts, "
            "so a training that is finished there is not repeated; run it here, without EMOTION_STORE and --on"
        )
    return Elsewhere(pool, settings.open_store()) if pool else None


def plan_job(
    variant: str, preset: Preset, time_budget_minutes: float, seed: int, parallel: int, settings: Settings
) -> TrainingJob:
    """Return the training of a variant by its preset's recipe, with its share of this machine's cores."""
    return TrainingJob(
        variant=find_variant(variant),
        train=preset.recipe(variant, time_budget_minutes),
        seed=seed,
        threads=threads_per_child(parallel),
        weights_dir=settings.weights_dir,
        allow_weight_download=settings.allow_weight_download,
        features=settings.workspace,
    )


def plan_repeats(jobs: Sequence[TrainingJob], seeds: Sequence[int]) -> list[TrainingJob]:
    """Return each job with each seed: all jobs with the first one, then all with the next.

    So the compared trainings come first, and a run that was interrupted lacks only repeats.
    """
    return [
        job.model_copy(update={"seed": seed, "is_repeat": number > 0})
        for number, seed in enumerate(seeds)
        for job in jobs
    ]


def train_repeats(
    jobs: Sequence[TrainingJob],
    seeds: Sequence[int],
    views: Mapping[str, Produced],
    parallel: int,
    workspace: Workspace,
    on: Elsewhere | None = None,
) -> list[VariantResult]:
    """Train each variant with each seed on its views; return one result for each variant, with its repeats."""
    trainings = [(job, views[job.variant.name]) for job in plan_repeats(jobs, seeds)]
    results = train_variants(trainings, parallel, workspace, on)
    return [gather_repeats(seeds, results[first :: len(jobs)]) for first in range(len(jobs))]


def plan_student(preset: Preset, time_budget_minutes: float, seed: int, settings: Settings) -> TrainingJob | None:
    """Return the training of the preset's student, or None without a student; see `with_student`."""
    if not preset.student:
        return None
    job = plan_job(preset.student, preset, time_budget_minutes, seed, 1, settings)
    return job.model_copy(update={"train": preset.recipe(STUDENT_NAME, time_budget_minutes)})


def build_all_views(
    names: Sequence[str], preset: Preset, data: PreparedData, seed: int, workspace: Workspace
) -> tuple[Produced, dict[str, Produced]]:
    """Write the views that all variants share, and those of single variants, at once.

    Returns:
        The shared views, and the views that each variant is trained on.
    """
    configs = dict.fromkeys([preset.shared_views, *map(preset.views_of, names)])
    with ThreadPoolTaskRunner(max_workers=usable_cores()) as runner:
        inputs = {
            "dataset": data.dataset,
            "images": data.images,
            "seed": seed,
            "workspace": workspace,
            "dask": data.dask,
        }
        futures = {config: runner.submit(build_views, {**inputs, "config": config}) for config in configs}
        made = {config: future.result() for config, future in futures.items()}
    return made[preset.shared_views], {find_variant(name).name: made[preset.views_of(name)] for name in names}


def with_short_views(
    jobs: Sequence[TrainingJob], preset: Preset, data: PreparedData, seed: int, workspace: Workspace
) -> list[TrainingJob]:
    """Give trainings under a run's time budget the preset's views for few epochs, except those with views of their own.

    A recipe's own budget needs none: it is long enough for the preset's views.
    """
    if not preset.short_views:
        return list(jobs)
    short = build_views(data.dataset, data.images, preset.short_views, seed, workspace, data.dask)
    update = {"short_views": short}
    return [job.model_copy(update=update) if preset.has_shared_views(job.variant.name) else job for job in jobs]


def train_variants(
    trainings: list[tuple[TrainingJob, Produced]], parallel: int, workspace: Workspace, on: Elsewhere | None = None
) -> list[VariantResult]:
    """Train each variant on its views, `parallel` at once; a training that fails becomes a result with the reason.

    The children end before the task runner is left, since leaving it waits for its threads.

    Args:
        trainings: each with its views.
        parallel: how many are trained here at once.
        workspace: gets the results.
        on: other hosts, which take all trainings at once and train as many as they can.
    """
    workers = max(1, min(len(trainings), MOST_FOLLOWED)) if on else parallel
    chosen, more = (train_elsewhere, on._asdict()) if on else (train_variant, {})
    with ThreadPoolTaskRunner(max_workers=workers) as runner, training_children() as children:
        shared = {"workspace": workspace, "children": children, **more}
        futures = [runner.submit(chosen, {"job": job, "views": views, **shared}) for job, views in trainings]
        outcomes = [future.result(raise_on_failure=False) for future in futures]
    return [
        outcome if isinstance(outcome, VariantResult) else unfinished_result(job.variant, "failed", str(outcome))
        for (job, _), outcome in zip(trainings, outcomes, strict=True)
    ]


def with_ensemble(variants: list[VariantResult], workspace: Workspace) -> list[VariantResult]:
    """Return the variants and their ensemble; if there is no ensemble, a result gives the reason."""
    with training_children() as children:
        state = build_ensemble(variants, workspace, children, return_state=True)
        outcome: Any = state.result(raise_on_failure=False)
    if isinstance(outcome, VariantResult):
        return [*variants, outcome]
    return [*variants, unfinished_ensemble("failed", str(outcome))]


def with_student(
    variants: list[VariantResult], job: TrainingJob, views: Produced, workspace: Workspace
) -> list[VariantResult]:
    """Return the variants and their student; if there is no student, a result gives the reason.

    Args:
        variants: of this run, including the ensemble if there is one.
        job: the student's training.
        views: the TFRecords on which all variants are trained.
        workspace: where soft labels and student are written.
    """
    teacher = choose_teacher(variants)
    student = make_student(job.variant, teacher.name if teacher else "")
    if teacher is None:
        return [*variants, unfinished_result(student, "skipped", "no variant was trained that could teach it")]
    with training_children() as children:
        state = write_soft_labels(teacher, job, views, workspace, children, return_state=True)
        labels: Any = state.result(raise_on_failure=False)
    if not isinstance(labels, Produced):
        return [*variants, unfinished_result(student, "failed", f"{teacher.name} did not teach it: {labels}")]
    taught = job.model_copy(update={"variant": student, "soft_labels": labels})
    return [*variants, *train_variants([(taught, views)], 1, workspace)]
