"""Task of distillation: a trained variant labels the train part's views for a student, in a child process."""

import time
from functools import partial
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from data.records.training import VariantResult
from data.views.tfrecords import ViewsIndex
from data.workspace.digests import digest_sources
from data.workspace.layout import SOFT_LABELS_STAGE
from data.workspace.store import Produced, Workspace
from models.jobs import commands
from models.jobs.events import ChildEvent, ImagesPassed, LabellingDone
from models.jobs.specs import TeachSpec
from tasks.support.child_processes import Children, run_on_spec
from tasks.support.outcomes import finish
from tasks.support.progress import watched
from tasks.training.train import KILLED_RETRIES, TrainingJob, was_killed
from tasks.training.training_log import LOG_SECONDS

KEY_MODULES = (commands.DISTILL,)

TEACHING_SHARE = 0.5
"""Longest time of the labelling as a share of the student's time budget; it comes on top of that budget."""


@task(
    task_run_name="label views with {teacher.name}",
    retries=KILLED_RETRIES,
    retry_condition_fn=was_killed,
    cache_policy=NO_CACHE,
)
@watched
def write_soft_labels(
    teacher: VariantResult, job: TrainingJob, views: Produced, workspace: Workspace, children: Children
) -> Produced:
    """Write the teacher's probabilities for the images of each view that the student reads.

    A killed child resumes after its last complete view. If the student has a time budget, views are labelled until
    `TEACHING_SHARE` of it is used, but at least one; the student reads only these.

    Args:
        teacher: a trained variant, or the ensemble.
        job: the student's training.
        views: the TFRecords.
        workspace: where the stage is written.
        children: starts the child.
    """
    needed = min(ViewsIndex.load(views.path).views, job.train.epochs)
    most_seconds = TEACHING_SHARE * 60 * job.train.time_budget_minutes
    inputs = {
        "teacher": teacher.training,
        "records": views.key,
        "views": needed,
        "most_seconds": most_seconds,
        "code": digest_sources(KEY_MODULES),
    }
    spec = TeachSpec(
        teacher=Path(teacher.directory).resolve(),
        records=views.path,
        views=needed,
        most_seconds=most_seconds,
        threads=job.threads,
    )
    write = partial(_run_child, spec, children)
    produced = workspace.produce(SOFT_LABELS_STAGE, inputs, write, resumable=True, give_up=children.is_stopping)
    return finish(produced, produced.cached)


def _run_child(spec: TeachSpec, children: Children, out: Path) -> None:
    run_on_spec(children, commands.DISTILL, spec, out, TeachingLog(), threads=spec.threads)


class TeachingLog:
    """Turn the events of a labelling into log lines, one every `LOG_SECONDS` at most."""

    def __init__(self) -> None:
        self.logger, self.logged = get_run_logger(), time.monotonic()

    def __call__(self, event: ChildEvent) -> None:
        """Take one event of the child."""
        if isinstance(event, ImagesPassed) and time.monotonic() - self.logged >= LOG_SECONDS:
            self.logged = time.monotonic()
            self.logger.info("labelled %s of %s images of view %s", event.done, event.images, event.view)
        if isinstance(event, LabellingDone):
            self.logger.info("labelled %s views", event.views)
