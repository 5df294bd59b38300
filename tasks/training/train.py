"""Task of one training: a child process trains a variant, the task logs its progress."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from data.base.errors import ChildKilled, PipelineError, TransientError, VariantUnavailable
from data.base.record import Record
from data.records.training import VariantResult
from data.workspace.digests import digest_sources, hash_file, hash_json
from data.workspace.layout import VARIANTS_STAGE
from data.workspace.stage_record import read_record
from data.workspace.store import Produced, Workspace, key_of_work
from data.workspace.tier import StageTier
from models.catalog.disk_space import count_training_bytes
from models.catalog.train_config import TrainConfig
from models.catalog.variants import Variant
from models.jobs import commands
from models.jobs.checkpoint import load_history
from models.jobs.files import RESULT_NAME, SPEC_NAME
from models.jobs.plan import load_plan
from models.jobs.specs import FitSpec
from models.weights.locate import find_weights
from tasks.support.child_processes import Children, ChildStopped, EventHandler, run_on_spec
from tasks.support.outcomes import finish
from tasks.support.progress import watched
from tasks.training.checkpoints import KeptCheckpoints, resume_elsewhere
from tasks.training.training_log import TrainingLog

KEY_MODULES = (commands.FIT,)
"""Modules of the cache key, besides the module of the variant's builder."""

KILLED_RETRIES = 2


class TrainingJob(Record):
    """Training of one variant: everything except the place where it runs."""

    variant: Variant
    train: TrainConfig
    seed: int
    threads: int
    weights_dir: Path | None
    allow_weight_download: bool
    features: Path | None = None
    """Workspace that keeps the features of frozen backbones."""
    is_repeat: bool = False
    """True if the run also trains the variant with an earlier seed, and this training only measures the spread."""
    short_views: Produced | None = None
    """Views for the case that the time budget allows few epochs, see `models.jobs.plan`."""
    soft_labels: Produced | None = None
    """Probabilities for the train images from the teacher of a student."""

    @property
    def title(self) -> str:
        """Name of the training in logs: its variant, and for a repeat also its seed."""
        return f"{self.variant.name} (seed {self.seed})" if self.is_repeat else self.variant.name

    def with_flips(self) -> Self:
        """Return the training of the network that averages over an image and its mirror image."""
        return self.model_copy(update={"train": self.train.model_copy(update={"test_time_flip": True})})


def was_killed(_task: Any, _task_run: Any, state: State) -> bool:
    """Return whether a signal ended the child, so that another start resumes it."""
    return isinstance(state.result(raise_on_failure=False), ChildKilled)


@task(
    task_run_name="train {job.title}",
    retries=KILLED_RETRIES,
    retry_condition_fn=was_killed,
    cache_policy=NO_CACHE,
)
@watched
def train_variant(job: TrainingJob, views: Produced, workspace: Workspace, children: Children) -> VariantResult:
    """Train and evaluate one variant; a killed child resumes at its last finished epoch.

    A variant that is skipped or fails has a result too, which says why.
    """
    variant = job.variant
    try:
        weights = weights_of(job, children)
    except VariantUnavailable as error:
        return skip(job, error)  # type: ignore[return-value]

    inputs = training_inputs(job, views, weights)
    make_log = partial(TrainingLog, job.title, job.train.monitor)
    write = partial(train_in_child, job, views, weights, children, make_log, workspace.tier)
    try:
        produced = produce_training(inputs, write, weights, workspace, children)
    except (ChildKilled, ChildStopped, TransientError):
        raise
    except PipelineError as error:
        history = load_history(workspace.work_directory(VARIANTS_STAGE, hash_json(inputs)))
        failed = unfinished_result(variant, "failed", str(error), epochs=history, monitor=job.train.monitor)
        return Failed(message=str(error), data=failed)  # type: ignore[return-value]
    return finish(load_result(job, produced, views), produced.cached)


def produce_training(
    inputs: dict[str, Any],
    write: Callable[[Path], None],
    weights: Path | None,
    workspace: Workspace,
    children: Children,
) -> Produced:
    """Return the stage of a training; train if it does not exist yet, and resume a training that was interrupted.

    Args:
        inputs: what its result depends on, see `training_inputs`.
        write: trains in a directory.
        weights: pretrained ones of its backbone, if it has one; they decide how much disk space it needs.
        workspace: where it is written.
        children: of the run; once the run ends, nothing is waited for.
    """
    return workspace.produce(
        VARIANTS_STAGE,
        inputs,
        write,
        resumable=True,
        give_up=children.is_stopping,
        need=lambda: count_training_bytes(weights),
    )


def train_in_child(
    job: TrainingJob,
    views: Produced,
    weights: Path | None,
    children: Children,
    make_log: Callable[[], EventHandler],
    tier: StageTier | None,
    out: Path,
) -> None:
    """Train in this directory; follow the plan of an earlier start, also its threads and if it was on another host.

    Args:
        job: what to train.
        views: the TFRecords.
        weights: pretrained ones of the variant's backbone, if it has one.
        children: starts the child.
        make_log: called once the training begins; returns the handler of events, which ends the child by raising.
        tier: store to which the checkpoint of each epoch goes, from which another host would resume.
        out: holds the training.
    """
    key = key_of_work(out)
    if tier:
        resume_elsewhere(tier, key, out)
    plan, variant = load_plan(out), job.variant
    if not plan:
        log_unfinished(job, out)
    spec = FitSpec(
        name=variant.name,
        description=variant.description,
        builder=variant.builder,
        weights=weights,
        views=views.path,
        short_views=job.short_views.path if job.short_views else None,
        features=job.features,
        soft_labels=job.soft_labels.path if job.soft_labels else None,
        train=job.train,
        seed=job.seed,
        threads=plan.threads if plan else job.threads,
    )
    log = KeptCheckpoints(make_log(), tier, key, out) if tier else make_log()
    run_on_spec(children, commands.FIT, spec, out, log, threads=spec.threads)


def log_unfinished(job: TrainingJob, out: Path) -> None:
    """Log which unfinished trainings of the variant are not resumed, because their code, data or settings differ."""
    for spec in sorted(out.parent.glob(f".*.work/{SPEC_NAME}")):
        if spec.parent != out and _name_in(spec) == job.variant.name:
            text = "%s: the unfinished training in %s has other code, data or settings; this one starts at epoch 1"
            get_run_logger().info(text, job.title, spec.parent)


def _name_in(spec: Path) -> str:
    """Read the variant of an unfinished training; empty if its specification was torn or removed meanwhile."""
    try:
        return json.loads(spec.read_bytes())["name"]
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def skip(job: TrainingJob, error: VariantUnavailable) -> State[VariantResult]:
    """Return the state of a training that cannot begin, with a result that gives the reason."""
    get_run_logger().warning("%s is skipped: %s", job.title, error)
    skipped = unfinished_result(job.variant, "skipped", str(error))
    return Completed(name="Skipped", message=str(error), data=skipped)


def unfinished_result(variant: Variant, status: Any, reason: str, **known: Any) -> VariantResult:
    """Return the result of a variant that was skipped or failed, with the reason and further known fields."""
    return VariantResult(
        name=variant.name,
        description=variant.description,
        status=status,
        reason=reason,
        published=variant.published,
        **known,
    )


def weights_of(job: TrainingJob, children: Children) -> Path | None:
    """Return the pretrained weights of a training's backbone, or None if its variant has none.

    Raises:
        VariantUnavailable: they cannot be found or downloaded.
    """
    if not job.variant.pretrained:
        return None
    return find_weights(job.variant.backbone, job.weights_dir, job.allow_weight_download, children.is_stopping)


def training_inputs(job: TrainingJob, views: Produced, weights: Path | None) -> dict[str, Any]:
    """Return what a training's result depends on: the inputs of its stage."""
    builder_module = job.variant.builder.split(":")[0]
    return {
        "variant": job.variant.name,
        "builder": job.variant.builder,
        "views": views.key,
        "short_views": job.short_views.key if job.short_views else "",
        "train": job.train.model_dump(mode="json"),
        "seed": job.seed,
        "weights": hash_file(weights) if weights else "",
        "soft_labels": job.soft_labels.key if job.soft_labels else "",
        "code": digest_sources([*KEY_MODULES, builder_module]),
    }


def load_result(job: TrainingJob, produced: Produced, views: Produced) -> VariantResult:
    """Return the result of a finished training, with the settings of the views that it was trained on."""
    stored = json.loads((produced.path / RESULT_NAME).read_text())
    is_short = bool(job.short_views) and stored["plan"].get("short_views", False)
    made = read_record(job.short_views.path if job.short_views and is_short else views.path).inputs
    known = {
        "directory": str(produced.path),
        "published": job.variant.published,
        "augmentation": {"views": made["views"], **made["augment"]},
    }
    return VariantResult.model_validate({**stored, **known})
