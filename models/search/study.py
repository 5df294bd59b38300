"""Study of a hyper-parameter search: a file of the finished trials, from which the next recipe to try follows.

The file survives the process, even if it is killed. A trial that was running at that time starts again with the same
parameters, and only the new trial counts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from filelock import FileLock, Timeout
from optuna.trial import TrialState

from data.base.errors import PipelineError
from data.records.search import TrialOutcome, TrialRecord
from data.workspace.digests import digest_sources, hash_json
from models.catalog.train_config import TrainConfig
from models.catalog.variants import Variant
from models.jobs import commands
from models.search.space import SearchSpace

KEY_MODULES = (commands.FIT, __name__)
"""Modules that a study's key depends on, besides the module of the variant's builder."""

STARTUP_TRIALS = 4
"""Trials that must be finished before one is pruned, because the median of fewer trials is not reliable."""

PRUNED_FROM_FRACTION = 0.4
"""Fraction of a training before which it is not pruned: a high rate or long warm-up is bad at first, but ends well."""

SQLITE_WAIT_SECONDS = 60.0

_RECIPE, _OUTCOME = "recipe", "outcome"
_STATES = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


class Trial:
    """One recipe to try; the accuracies of its epochs decide whether it continues."""

    def __init__(self, trial: optuna.Trial, recipe: TrainConfig) -> None:
        self.number, self.recipe = trial.number, recipe
        self.best_accuracy: float | None = None
        self._trial = trial
        self._reported: set[int] = set()

    @property
    def last_epoch(self) -> int:
        """The last reported epoch, or 0 before the first report."""
        return max(self._reported, default=0)

    def report(self, epoch: int, accuracy: float, fraction: float) -> bool:
        """Record the selection accuracy of an epoch and return whether the trial should stop.

        It should if its best accuracy so far is below the median of the finished trials after the same epoch.

        Args:
            epoch: 1-based; a second report of the same epoch is ignored.
            accuracy: 0..1.
            fraction: fraction of the training that is done, 0..1.
        """
        self.best_accuracy = max(accuracy, self.best_accuracy or 0.0)
        if epoch not in self._reported:
            self._reported.add(epoch)
            self._trial.report(accuracy, epoch)
        return PRUNED_FROM_FRACTION <= fraction < 1 and bool(self._trial.should_prune())


class Study:
    """The trials of one search; created by `open_study`."""

    def __init__(self, study: optuna.Study, space: SearchSpace, base: TrainConfig, seed: int) -> None:
        self._study, self._space, self._base, self._seed = study, space, base, seed

    @property
    def started(self) -> int:
        """Number of trials that count: those that ended and those that run now."""
        waiting = sum(trial.state == TrialState.WAITING for trial in self._study.trials)
        return len(self._study.trials) - waiting - len(self._interrupted())

    def propose(self) -> Trial:
        """Start a trial; its recipe depends only on the seed and the trials before it, even after a kill."""
        # A new sampler starts with the first numbers of its seed, so at a resume it would draw the first trials again.
        self._study.sampler = optuna.samplers.TPESampler(seed=self._seed + self.started)
        trial = self._study.ask()
        recipe = self._space.suggest(trial, self._base)
        trial.set_user_attr(_RECIPE, recipe.model_dump(mode="json"))
        return Trial(trial, recipe)

    def finish(self, trial: Trial, outcome: TrialOutcome) -> None:
        """Store the outcome of a trial."""
        trial._trial.set_user_attr(_OUTCOME, outcome.model_dump(mode="json"))
        self._tell(trial.number, outcome)

    def _tell(self, number: int, outcome: TrialOutcome) -> None:
        value = outcome.accuracy if outcome.state == "finished" else None
        self._study.tell(number, value, _STATES[outcome.state])

    def records(self) -> tuple[TrialRecord, ...]:
        """Return the trials that ended, in the order of their start."""
        return tuple(
            TrialRecord(
                number=trial.number,
                recipe=trial.user_attrs[_RECIPE],
                outcome=TrialOutcome.model_validate(trial.user_attrs[_OUTCOME]),
            )
            for trial in self._study.trials
            if trial.state.is_finished() and _OUTCOME in trial.user_attrs
        )

    def recover(self) -> None:
        """Repeat trials that were running when an earlier process ended; a new study tries the base recipe first."""
        for trial in self._study.get_trials(states=[TrialState.RUNNING]):
            if outcome := trial.user_attrs.get(_OUTCOME):  # the process ended in the middle of `finish`
                self._tell(trial.number, TrialOutcome.model_validate(outcome))
                continue
            self._study.tell(trial.number, state=TrialState.FAIL)
            if trial.params:
                self._study.enqueue_trial(trial.params)
        if (own := self._space.params_of(self._base)) and not self._study.trials:
            self._study.enqueue_trial(own)

    def _interrupted(self) -> list[optuna.trial.FrozenTrial]:
        """Return the trials that ended with their process: only these have no outcome."""
        failed = self._study.get_trials(states=[TrialState.FAIL])
        return [trial for trial in failed if _OUTCOME not in trial.user_attrs]


def study_key(variant: Variant, views_key: str, base: TrainConfig, space: SearchSpace, seed: int) -> str:
    """Return the key of a search, which depends on everything that changes the accuracies of its trials.

    Args:
        variant: the network.
        views_key: key of the TFRecords.
        base: recipe that the trials change, with the time budget of a trial.
        space: recipes that may be tried.
        seed: seed of the proposals and of every training.
    """
    inputs = {
        "variant": variant.name,
        "builder": variant.builder,
        "views": views_key,
        "base": base.model_dump(mode="json"),
        "space": space.model_dump(mode="json"),
        "seed": seed,
        "code": digest_sources([*KEY_MODULES, variant.builder.split(":")[0]]),
    }
    return hash_json(inputs)


@contextmanager
def open_study(path: Path, space: SearchSpace, base: TrainConfig, seed: int, fresh: bool = False) -> Iterator[Study]:
    """Open and lock the study in a file; the file is created if it does not exist.

    Args:
        path: SQLite file; its name should contain `study_key`, because a study has one space only.
        space: recipes that may be tried.
        base: recipe that the trials change.
        seed: seed of the proposals.
        fresh: delete an earlier study in the file.

    Raises:
        PipelineError: another process has locked the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.stem}.lock"), thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise PipelineError(f"got a search of another run, {path}: run again when that run has ended") from error
    try:
        if fresh:
            path.unlink(missing_ok=True)
        with _stored_study(path) as stored:
            study = Study(stored, space, base, seed)
            study.recover()
            yield study
    finally:
        lock.release()


@contextmanager
def _stored_study(path: Path) -> Iterator[optuna.Study]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(
        f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": SQLITE_WAIT_SECONDS}}
    )
    try:
        yield optuna.create_study(
            storage=storage,
            study_name="search",
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
            load_if_exists=True,
        )
    finally:
        storage.remove_session()
        storage.engine.dispose()
