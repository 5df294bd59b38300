"""A training on other hosts, seen from here: followed, moved when its host vanishes, cancelled with the run."""

from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.logging import disable_run_logger
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running, Scheduled

from data.base.errors import PipelineError
from data.shared_store.news import NewsWriter
from data.shared_store.objects import ObjectStore
from models.jobs.events import Evaluating
from tasks.support.child_processes import ChildStopped
from tasks.training import elsewhere
from tasks.training.elsewhere import MOST_MOVES, POD_WAITS, Followed, Watch


class FakeRuns:
    """Stands for Prefect's server, which cannot be made to lose a host on demand: each run has a list of states."""

    def __init__(self, *states):
        self.states, self.started, self.cancelled, self.crashed = list(states), [], [], []

    def start(self, name, parameters, once):
        of_run = self.states[len(self.started)]
        self.started.append(once)
        return SimpleNamespace(id=uuid4(), state=of_run[0], states=of_run)

    def look(self, run):
        of_run = self.states[len(self.started) - 1]
        return SimpleNamespace(id=run, state=of_run.pop(0) if len(of_run) > 1 else of_run[0])

    def cancel(self, run):
        self.cancelled.append(run)

    def crash(self, run, message):
        self.crashed.append(message)
        self.states[len(self.started) - 1] = [Crashed()]


@pytest.fixture
def store(tmp_path):
    return ObjectStore(f"file://{tmp_path / 'store'}")


@pytest.fixture
def follow(store, monkeypatch):
    """Follows a training whose runs have these states; returns what the server was asked."""
    monkeypatch.setattr(elsewhere, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(elsewhere, "SILENT_SECONDS", 0.2)

    def go(*states, stopping=False, events=None):
        runs, children = FakeRuns(*states), SimpleNamespace(is_stopping=lambda: stopping)
        remote = SimpleNamespace(parent="parent", key="key", model_dump=lambda mode: {})
        with disable_run_logger():
            followed = Followed(runs, store, remote, "compact", children, ([] if events is None else events).append)
            try:
                followed.to_end()
            except BaseException as error:
                error.runs = runs
                raise
        return runs

    return go


def test_a_training_that_ends_is_done(follow):
    runs = follow([Scheduled(), Pending(), Running(), Completed()])
    assert runs.started == ["parent-key-0"] and not runs.crashed


def test_a_host_that_gives_no_sign_of_life_loses_the_training(follow):
    runs = follow([Scheduled(), Running()], [Scheduled(), Running(), Completed()])
    assert runs.started == ["parent-key-0", "parent-key-1"]
    assert len(runs.crashed) == 1 and "gave no sign of life" in runs.crashed[0]


def test_a_training_that_no_worker_took_is_not_given_up(follow):
    assert not follow([*[Scheduled()] * 60, Completed()]).crashed


def test_a_pod_that_waits_for_a_node_or_its_image_is_not_given_up(follow):
    assert not follow([*[Pending(name=POD_WAITS)] * 60, Running(), Completed()]).crashed


def test_a_host_that_dies_before_the_flow_starts_loses_the_training(follow):
    runs = follow([Pending(name=POD_WAITS), Pending()], [Completed()])
    assert len(runs.crashed) == 1


@pytest.mark.parametrize(
    ("state", "waits"), [(Scheduled(), True), (Pending(name=POD_WAITS), True), (Pending(), False), (Running(), False)]
)
def test_a_run_without_a_worker_or_a_node_is_told_of(state, waits, monkeypatch):
    monkeypatch.setattr(elsewhere, "REMIND_SECONDS", -1.0)
    assert Watch().is_waiting(SimpleNamespace(state=state)) is waits


def test_a_host_that_lives_keeps_its_training(follow, store, monkeypatch):
    monkeypatch.setattr("data.shared_store.news.WRITE_SECONDS", 0.02)
    monkeypatch.setattr("data.shared_store.news.BEAT_SECONDS", 0.05)
    run, taken = uuid4(), []
    monkeypatch.setattr(
        FakeRuns, "start", lambda self, *_: self.started.append("") or SimpleNamespace(id=run, state=None)
    )
    with NewsWriter(store, str(run)) as news:
        news.tell(Evaluating(epoch=3).model_dump_json())
        runs = follow([*[Running()] * 60, Completed()], events=taken)
    assert not runs.crashed and [event.epoch for event in taken] == [3]


def test_it_moves_so_often_and_no_more(follow):
    with pytest.raises(PipelineError, match=f"got {MOST_MOVES + 1} hosts that vanished"):
        follow(*[[Running(), Crashed()] for _ in range(MOST_MOVES + 1)])


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (Failed(message="got a loss of nan"), "failed on its host: got a loss of nan"),
        (Cancelled(), "was cancelled on its host"),
    ],
)
def test_a_training_that_fails_is_not_repeated(follow, end, message):
    with pytest.raises(PipelineError, match=message) as failed:
        follow([Running(), end])
    assert len(failed.value.runs.started) == 1


def test_with_the_run_its_trainings_are_cancelled(follow):
    with pytest.raises(ChildStopped) as stopped:
        follow([Running()], stopping=True)
    assert len(stopped.value.runs.cancelled) == 1


def test_what_an_earlier_attempt_left_is_started_again(follow):
    earlier = Failed(message="no disk space")
    earlier.timestamp = earlier.timestamp.replace(year=2020)
    assert follow([earlier], [Running(), Completed()]).started == ["parent-key-0", "parent-key-1"]
