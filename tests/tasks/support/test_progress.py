"""What watchers are told of the tasks of their process."""

import importlib
import pkgutil

import pytest
from prefect import Task
from prefect.states import Completed

import tasks
from data.base.errors import PipelineError
from models.jobs.events import Resumed
from tasks.support import progress as watch
from tasks.support.progress import TaskEnded, TaskRunning, tell, watched, watching

RESUMED = Resumed(epoch=1, accuracy=0.5)


@pytest.fixture
def told(monkeypatch):
    """Run in a task run of this name, watched; returns what was told."""
    monkeypatch.setenv("PREFECT__RUNTIME__TASK_RUN__NAME", "train compact")
    heard = []
    with watching(lambda name, event: heard.append((name, event))):
        yield heard


@watched
def end_as(outcome):
    if isinstance(outcome, Exception):
        raise outcome
    tell(RESUMED)
    return outcome


@pytest.mark.parametrize(
    ("outcome", "state"), [(7, "Completed"), (Completed(name="Cached", data=7), "Cached"), (Completed(), "Completed")]
)
def test_a_task_tells_when_it_begins_and_how_it_ends(told, outcome, state):
    assert end_as(outcome) is outcome
    assert told == [
        ("train compact", TaskRunning()),
        ("train compact", RESUMED),
        ("train compact", TaskEnded(state)),
    ]


def test_a_task_that_raises_has_failed(told):
    with pytest.raises(PipelineError):
        end_as(PipelineError("got nothing"))
    assert told[-1] == ("train compact", TaskEnded("Failed"))


def test_outside_of_a_task_run_nothing_is_told():
    heard = []
    with watching(lambda name, event: heard.append(name)):
        assert end_as(7) == 7
    assert heard == []
    assert watch._watchers == []


def test_every_task_is_watched():
    modules = [importlib.import_module(module.name) for module in pkgutil.walk_packages(tasks.__path__, "tasks.")]
    found = {value for module in modules for value in vars(module).values() if isinstance(value, Task)}
    assert len(found) > 10
    assert [task.name for task in found if not hasattr(task.fn, "__wrapped__")] == []
