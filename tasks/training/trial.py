"""Task of one trial of a search: trains its recipe in a child process, and prunes it if it cannot win."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, Failed

from data.base.errors import ChildKilled, PipelineError, VariantUnavailable
from data.records.search import TrialOutcome
from data.workspace.store import Produced, Workspace
from models.evaluation.predictions import probabilities_of, read_predictions, targets_of
from models.jobs.events import ChildEvent, EpochEnded, TrainingDone
from models.search.study import Trial
from tasks.support.child_processes import Children, ChildStopped
from tasks.support.outcomes import finish
from tasks.support.progress import watched
from tasks.training.train import (
    KILLED_RETRIES,
    TrainingJob,
    load_result,
    produce_training,
    train_in_child,
    training_inputs,
    was_killed,
    weights_of,
)
from tasks.training.training_log import TrainingLog


class TrialPruned(PipelineError):
    """Error if a trial was stopped because it will not be the best."""


class TrialLog(TrainingLog):
    """Passes each epoch of a training to its trial, and ends the training if the trial is to be pruned.

    The validation accuracy at the end is not logged, because no choice may depend on it.
    """

    def __init__(self, trial: Trial) -> None:
        super().__init__(f"trial-{trial.number}", "selection")
        self.trial = trial

    def __call__(self, event: ChildEvent) -> None:
        """Take one event of the child."""
        if isinstance(event, TrainingDone):
            return
        super().__call__(event)
        if isinstance(event, EpochEnded) and self.trial.report(event.epoch, event.monitor_accuracy, event.fraction):
            raise TrialPruned(
                f"stopped after epoch {event.epoch} of {event.epochs}: its best selection accuracy, "
                f"{event.best_accuracy:.4f}, is below the median of the finished trials there"
            )


@task(
    task_run_name="trial {number}",
    retries=KILLED_RETRIES,
    retry_condition_fn=was_killed,
    cache_policy=NO_CACHE,
)
@watched
def run_trial(
    number: int, trial: Trial, job: TrainingJob, views: Produced, workspace: Workspace, children: Children
) -> TrialOutcome:
    """Train a trial's recipe and return its selection accuracy; a killed child resumes at its last finished epoch.

    Args:
        number: of the trial, for the name of the task's run.
        trial: gets every epoch, and decides when it is pruned.
        job: the training, by the trial's recipe.
        views: the TFRecords.
        workspace: keeps the training as the stage that a run of this recipe has; a pruned one leaves nothing there.
        children: starts the child.

    Raises:
        VariantUnavailable: the variant cannot be trained here, whatever the recipe.
    """
    weights = weights_of(job, children)
    write = partial(
        _train_or_prune,
        partial(train_in_child, job, views, weights, children, partial(TrialLog, trial), workspace.tier),
    )
    inputs = training_inputs(job, views, weights)
    try:
        produced = produce_training(inputs, write, weights, workspace, children)
    except TrialPruned as pruned:
        outcome = TrialOutcome(
            state="pruned", accuracy=trial.best_accuracy, epochs=trial.last_epoch, reason=str(pruned)
        )
        get_run_logger().info("trial %s: %s", number, pruned)
        return Completed(name="Pruned", message=str(pruned), data=outcome)  # type: ignore[return-value]
    except (ChildKilled, ChildStopped, VariantUnavailable):
        raise
    except PipelineError as error:
        failed = TrialOutcome(state="failed", epochs=trial.last_epoch, reason=str(error))
        return Failed(message=str(error), data=failed)  # type: ignore[return-value]
    return finish(_take_result(trial, job, produced, views), produced.cached)


def _train_or_prune(train: Callable[[Path], None], out: Path) -> None:
    """Train in this directory; remove it if the trial is pruned."""
    try:
        train(out)
    except TrialPruned:
        shutil.rmtree(out)
        raise


def _take_result(trial: Trial, job: TrainingJob, produced: Produced, views: Produced) -> TrialOutcome:
    """Return a finished training's outcome, and report epochs of earlier processes to its trial.

    Its accuracy is by the labels that the training followed, as that of each epoch is: with votes as target these are
    the choice of the crowd.
    """
    result = load_result(job, produced, views)
    for record in result.epochs:
        trial.report(record.epoch, record.monitor_accuracy, fraction=1)
    answers = read_predictions(produced.path, "selection")
    accuracy = float((probabilities_of(answers).argmax(axis=1) == targets_of(answers)).mean())
    get_run_logger().info("trial %s: selection accuracy %.4f", trial.number, accuracy)
    return TrialOutcome(state="finished", accuracy=accuracy, epochs=len(result.epochs), training=produced.key)
