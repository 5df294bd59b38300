"""The study of a search, in a real SQLite file: it goes on after a kill, and prunes what is hopeless."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from data.records.search import TrialOutcome
from models.catalog.presets import PRESETS
from models.catalog.train_config import TrainConfig
from models.catalog.variants import find_variant
from models.search.space import Range, SearchSpace
from models.search.study import PRUNED_FROM_FRACTION, STARTUP_TRIALS, Trial, open_study, study_key

SPACE = SearchSpace()
OUTSIDE = TrainConfig(learning_rate=1e-3)
"""A recipe that is not in the space, so that every trial is drawn."""


@pytest.fixture(autouse=True)
def no_wait_for_the_disk():
    """Let SQLite leave flushing to the system: a killed process loses nothing by it, a slow disk takes minutes else."""

    def relax(connection, _record):
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", relax)
    yield
    event.remove(Engine, "connect", relax)


def reached(recipe: TrainConfig) -> float:
    """Return an accuracy that follows from the recipe alone."""
    return round(0.5 + 0.3 * (recipe.optimizer == "sgd") - recipe.label_smoothing, 4)


def try_recipes(path: Path, count: int, base: TrainConfig = OUTSIDE) -> list[TrainConfig]:
    """Finish trials until the study has so many; returns the recipes of those that were started here."""
    tried = []
    with open_study(path, SPACE, base, seed=3) as study:
        while study.started < count:
            trial = study.propose()
            tried.append(trial.recipe)
            study.finish(trial, TrialOutcome(state="finished", accuracy=reached(trial.recipe)))
    return tried


def recipes_in(path: Path) -> list[TrainConfig]:
    with open_study(path, SPACE, OUTSIDE, seed=3) as study:
        return [TrainConfig.model_validate(record.recipe) for record in study.records()]


def begin_and_die(path: Path) -> None:
    """Begin a trial in another process, which is killed in the middle of it."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from models.search.study import open_study\n"
        "from tests.models.search.test_study import OUTSIDE, SPACE\n"
        "with open_study(Path(sys.argv[1]), SPACE, OUTSIDE, seed=3) as study:\n"
        "    trial = study.propose()\n"
        "    trial.report(1, 0.4, 0.1)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    ended = subprocess.run([sys.executable, "-c", script, path], env=environment, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL


def test_a_search_that_was_killed_ends_as_one_that_was_not(tmp_path):
    whole = try_recipes(tmp_path / "whole.db", 5)
    killed = tmp_path / "killed.db"
    try_recipes(killed, 2)
    begin_and_die(killed)
    begin_and_die(killed)
    assert len(recipes_in(killed)) == 2, "a trial that was killed counts for nothing"
    assert try_recipes(killed, 5) == whole[2:], "the killed trial is tried again, and what follows is the same"
    assert recipes_in(killed) == whole
    assert len({recipe.model_dump_json() for recipe in whole}) == 5


def test_a_search_that_is_done_tries_nothing(tmp_path):
    path = tmp_path / "study.db"
    assert len(try_recipes(path, 3)) == 3
    assert try_recipes(path, 3) == []
    assert len(try_recipes(path, 4)) == 1


def test_a_process_that_ends_while_it_keeps_an_outcome_counts_the_trial_once(tmp_path, monkeypatch):
    path, outcome = tmp_path / "study.db", TrialOutcome(state="finished", accuracy=0.7)
    with open_study(path, SPACE, OUTSIDE, seed=3) as study:
        monkeypatch.setattr(study, "_tell", lambda *_: None)
        study.finish(study.propose(), outcome)
    with open_study(path, SPACE, OUTSIDE, seed=3) as study:
        assert study.started == 1
        assert [record.outcome for record in study.records()] == [outcome]


def test_the_presets_own_recipe_is_tried_first_and_once(tmp_path):
    base = PRESETS["quick"].recipe("compact", 2)
    tried = try_recipes(tmp_path / "study.db", 2, base)
    assert tried[0] == base != tried[1]
    assert base not in try_recipes(tmp_path / "study.db", 4, base)


def test_a_fresh_search_forgets_the_earlier_one(tmp_path):
    path = tmp_path / "study.db"
    try_recipes(path, 2)
    with open_study(path, SPACE, OUTSIDE, seed=3, fresh=True) as study:
        assert study.started == 0


def test_two_runs_do_not_work_at_one_search(tmp_path):
    path = tmp_path / "study.db"
    with (
        open_study(path, SPACE, OUTSIDE, seed=3),
        pytest.raises(PipelineError, match="another run"),
        open_study(path, SPACE, OUTSIDE, seed=3),
    ):
        pass


def finish_trials(study, count: int) -> None:
    for _ in range(count):
        trial = study.propose()
        for epoch in (1, 2, 3):
            assert not trial.report(epoch, 0.2 * epoch, epoch / 4)
        study.finish(trial, TrialOutcome(state="finished", accuracy=0.6))


@pytest.mark.parametrize(
    ("finished", "accuracy", "fraction", "hopeless"),
    [
        (STARTUP_TRIALS, 0.1, 0.5, True),
        (STARTUP_TRIALS, 0.5, 0.5, False),
        (STARTUP_TRIALS, 0.1, PRUNED_FROM_FRACTION - 0.01, False),
        (STARTUP_TRIALS, 0.1, 1.0, False),
        (STARTUP_TRIALS - 1, 0.1, 0.5, False),
    ],
    ids=["below the median", "above it", "too early to say", "done anyway", "too few to compare with"],
)
def test_a_trial_is_hopeless_below_the_median(tmp_path, finished, accuracy, fraction, hopeless):
    with open_study(tmp_path / "study.db", SPACE, OUTSIDE, seed=3) as study:
        finish_trials(study, finished)
        trial = study.propose()
        assert trial.report(2, accuracy, fraction) is hopeless
        assert (trial.best_accuracy, trial.last_epoch) == (accuracy, 2)


def test_pruned_and_failed_trials_count_and_keep_their_reason(tmp_path):
    outcomes = [
        TrialOutcome(state="pruned", accuracy=0.3, epochs=2, reason="below the median"),
        TrialOutcome(state="failed", reason="got a training loss of nan"),
    ]
    path = tmp_path / "study.db"
    with open_study(path, SPACE, OUTSIDE, seed=3) as study:
        for outcome in outcomes:
            trial: Trial = study.propose()
            trial.report(1, 0.3, 0.5)
            study.finish(trial, outcome)
    with open_study(path, SPACE, OUTSIDE, seed=3) as study:
        assert [record.outcome for record in study.records()] == outcomes
        assert study.started == 2


def test_a_search_is_known_by_all_that_its_accuracies_depend_on():
    compact = find_variant("compact")
    usual = (compact, "views", OUTSIDE, SPACE, 1)
    others = [
        (find_variant("cnn_2"), *usual[1:]),
        (compact, "other views", *usual[2:]),
        (*usual[:2], OUTSIDE.model_copy(update={"time_budget_minutes": 3}), *usual[3:]),
        (*usual[:3], SearchSpace(label_smoothing=Range(low=0, high=0.1)), 1),
        (*usual[:4], 2),
    ]
    keys = [study_key(*arguments) for arguments in (usual, *others)]
    assert len(set(keys)) == len(keys)
    assert study_key(*usual) == keys[0]
