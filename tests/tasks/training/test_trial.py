"""The task of one trial, with the real training child: what it hands to the search, and what a pruned one leaves."""

from uuid import uuid4

import numpy as np
import optuna
import psutil
import pytest
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger

from data.base.errors import PipelineError
from data.records.search import TrialOutcome
from data.records.training import VariantResult
from data.views.choices import write_votes
from data.workspace.store import Workspace
from models.catalog.train_config import TrainConfig
from models.catalog.variants import find_variant
from models.search.study import Trial
from tasks.support.child_processes import Children, ChildStopped
from tasks.training import training_log
from tasks.training.train import TrainingJob
from tasks.training.trial import run_trial
from tests.support.tiny_views import IMAGES, write_tiny_views

RECIPE = TrainConfig(epochs=3, batch_size=32, optimizer="adam", learning_rate=1e-3, precision="float32")


class WatchedChildren(Children):
    """Children that remember the process and the events of each."""

    def __init__(self) -> None:
        super().__init__()
        self.events = []

    def run(self, module, argument, log, on_event, threads=1) -> None:
        def watch(event) -> None:
            self.events.append(event)
            on_event(event)

        super().run(module, argument, log, watch, threads)

    @property
    def names(self):
        return [event.event for event in self.events if event.event != "progress"]


class FailingChildren(Children):
    def __init__(self, error) -> None:
        super().__init__()
        self.error = error

    def run(self, module, argument, log, on_event, threads=1) -> None:
        raise self.error


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("views"))
    return workspace.produce("views", {"views": 2, "augment": {}}, write_tiny_views)


@pytest.fixture
def go(tmp_path, views, monkeypatch):
    """Run the task; returns its state's name, its outcome and its trial."""
    # An artifact needs a server; tests/flows/test_tune.py has one.
    monkeypatch.setattr(training_log, "create_progress_artifact", lambda **artifact: uuid4())
    monkeypatch.setattr(training_log, "update_progress_artifact", lambda artifact, progress: None)
    study = optuna.create_study(pruner=optuna.pruners.NopPruner())

    def run(children, hopeless_after=0, views=views, recipe=RECIPE) -> tuple[str, TrialOutcome, Trial]:
        trial = Trial(study.ask(), recipe)
        report = trial.report
        monkeypatch.setattr(
            trial, "report", lambda epoch, *rest, **named: report(epoch, *rest, **named) or epoch == hopeless_after
        )
        job = TrainingJob(
            variant=find_variant("compact"),
            train=recipe,
            seed=1,
            threads=1,
            weights_dir=None,
            allow_weight_download=False,
        )
        with disable_run_logger():
            state = run_trial.fn(trial.number, trial, job, views, Workspace(tmp_path), children)
        if isinstance(state, State):
            return state.name or "", state.result(raise_on_failure=False), trial
        return "Completed", state, trial

    return run


def test_a_pruned_trial_leaves_no_process_and_no_files(go, tmp_path):
    children = WatchedChildren()
    name, outcome, trial = go(children, hopeless_after=1)
    assert (name, outcome.state, outcome.epochs) == ("Pruned", "pruned", 1)
    assert outcome.accuracy == trial.best_accuracy is not None
    assert "after epoch 1 of 3" in outcome.reason
    assert children.names == ["started", "planned", "epoch"]
    assert not psutil.pid_exists(children.events[0].pid)
    assert [path for path in (tmp_path / "variants").iterdir() if path.is_dir()] == []


def test_a_finished_trial_has_the_selection_accuracy_and_costs_nothing_again(go, tmp_path):
    children = WatchedChildren()
    name, outcome, trial = go(children)
    assert (name, outcome.state, outcome.epochs) == ("Completed", "finished", 3)
    assert outcome.accuracy == pytest.approx(trial.best_accuracy)
    assert (tmp_path / "variants" / outcome.training / "result.json").is_file()
    again = WatchedChildren()
    cached_name, cached, cached_trial = go(again)
    assert (cached_name, cached) == ("Cached", outcome)
    assert again.events == []
    assert cached_trial.last_epoch == 3, "medians of later trials need its epochs too"


@pytest.fixture(scope="module")
def voted(tmp_path_factory):
    """Write the same views with the votes of people who see the first class in every image."""

    def write(out):
        write_tiny_views(out)
        for part, count in IMAGES.items():
            votes = np.zeros((count, 7), np.float32)
            votes[:, 0] = 10
            write_votes(out, part, votes)

    return Workspace(tmp_path_factory.mktemp("voted")).produce("views", {"views": 2, "augment": {}, "votes": 1}, write)


@pytest.mark.parametrize("target", ["majority", "votes"])
def test_a_trial_on_votes_is_judged_by_the_crowd_as_its_epochs_are(go, voted, tmp_path, target):
    _, outcome, trial = go(WatchedChildren(), views=voted, recipe=RECIPE.model_copy(update={"target": target}))
    stored = tmp_path / "variants" / outcome.training / "result.json"
    by_label = VariantResult.model_validate_json(stored.read_bytes()).parts["selection"].accuracy
    assert outcome.accuracy == pytest.approx(trial.best_accuracy)
    assert outcome.accuracy != pytest.approx(by_label)


def test_a_training_that_fails_is_a_failed_trial_with_its_reason(go):
    name, outcome, _ = go(FailingChildren(PipelineError("got a training loss of nan")))
    assert (name, outcome.state, outcome.reason) == ("Failed", "failed", "got a training loss of nan")
    assert outcome.accuracy is None


def test_a_trial_of_a_run_that_ends_has_no_outcome(go):
    with pytest.raises(ChildStopped):
        go(FailingChildren(ChildStopped("the run is ending")))
