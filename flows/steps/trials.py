"""Trials of a search: run several at once until the budget is used, and score them on the selection part only."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from prefect.futures import PrefectFuture, as_completed
from prefect.task_runners import ThreadPoolTaskRunner

from data.base.errors import VariantUnavailable
from data.records.search import SearchRecord, TrialOutcome, TrialRecord
from data.workspace.layout import STUDIES_FOLDER
from data.workspace.store import Produced, Workspace
from flows.steps.search_budget import SearchBudget
from models.search.space import SEARCHED, SearchSpace
from models.search.study import Study, Trial, open_study, study_key
from tasks.dataset.validate import load_summary
from tasks.support.child_processes import Children, ChildStopped, training_children
from tasks.support.outcomes import record_of
from tasks.training.train import TrainingJob
from tasks.training.trial import run_trial

Future = PrefectFuture[TrialOutcome]


class Search(NamedTuple):
    """A search around one training job: its trials differ from the job only in their recipes."""

    job: TrainingJob
    views: Produced
    space: SearchSpace

    @property
    def key(self) -> str:
        """Key of everything that the trials' accuracies depend on."""
        return study_key(self.job.variant, record_of(self.views).key, self.job.train, self.space, self.job.seed)


def plan_search(job: TrainingJob, trial_minutes: float, views: Produced, space: SearchSpace) -> Search:
    """Return the search around a job's recipe; each trial may take these minutes and chooses its epoch on selection."""
    recipe = job.train.model_copy(update={"time_budget_minutes": trial_minutes, "monitor": "selection"})
    return Search(job.model_copy(update={"train": recipe}), views, space)


def run_search(search: Search, budget: SearchBudget, parallel: int, workspace: Workspace) -> tuple[TrialRecord, ...]:
    """Run the remaining trials and return all trials of the search, including those of earlier processes.

    The study is stored under the search's key, so that the same search resumes it, even after a crash.

    Raises:
        PipelineError: another run is working on this search.
        VariantUnavailable: the variant cannot be trained here.
    """
    recipe, seed = search.job.train, search.job.seed
    path = workspace.root / STUDIES_FOLDER / f"{search.key}.db"
    with open_study(path, search.space, recipe, seed, fresh=workspace.force) as study:
        with ThreadPoolTaskRunner(max_workers=parallel) as runner, training_children() as children:
            _run_trials(study, budget, parallel, partial(_start_trial, runner, search, workspace, children))
        return study.records()


def describe_search(search: Search, trials: tuple[TrialRecord, ...], dataset: Produced, preset: str) -> SearchRecord:
    """Combine the trials and the facts about their search in one record."""
    summary = load_summary(record_of(dataset))
    return SearchRecord(
        study=search.key,
        variant=search.job.variant.name,
        preset=preset,
        trial_minutes=search.job.train.time_budget_minutes,
        searched=SEARCHED,
        synthetic=summary.synthetic,
        selection_images=sum(summary.counts_used["selection"].values()),
        trials=trials,
    )


def _run_trials(study: Study, budget: SearchBudget, parallel: int, start: Callable[[Trial], Future]) -> None:
    """Keep `parallel` trials running until the budget allows no more; report each finished trial to the study."""
    running: dict[Future, tuple[Trial, float]] = {}
    while True:
        while len(running) < parallel and budget.has_time_for_another(study.started):
            trial = study.propose()
            running[start(trial)] = trial, time.time()
        if not running:
            return
        future = next(as_completed(list(running)))
        trial, began = running.pop(future)
        study.finish(trial, _outcome_of(future))
        budget.record_duration(time.time() - began)


def _start_trial(
    runner: ThreadPoolTaskRunner, search: Search, workspace: Workspace, children: Children, trial: Trial
) -> Future:
    job = search.job.model_copy(update={"train": trial.recipe})
    parameters = {"number": trial.number, "trial": trial, "job": job, "views": search.views}
    return runner.submit(run_trial, {**parameters, "workspace": workspace, "children": children})


def _outcome_of(future: Future) -> TrialOutcome:
    """Return the outcome of a trial; raise an error that would end every trial, so that this one is retried later."""
    outcome: Any = future.result(raise_on_failure=False)
    if isinstance(outcome, ChildStopped | VariantUnavailable):
        raise outcome
    if isinstance(outcome, TrialOutcome):
        return outcome
    return TrialOutcome(state="failed", reason=str(outcome))
