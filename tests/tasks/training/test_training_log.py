"""Log lines of a training: a budget that is too short for its recipe is a warning before the training starts."""

import logging
from uuid import uuid4

import pytest
from prefect.logging import disable_run_logger

from models.jobs.events import Planned
from tasks.training import training_log
from tasks.training.training_log import TrainingLog


def make_plan(**fields):
    known = {"precision": "float32", "threads": 1, "steps_per_epoch": 17, "total_steps": 51, "epochs": 3}
    return Planned(**known, budget_seconds=48, measured={}, monitor="selection", **fields)


@pytest.fixture
def said(monkeypatch):
    """Send one event to a training's log; returns levels and texts."""
    # An artifact needs a server; tests/flows/test_retrain.py reads real ones back.
    monkeypatch.setattr(training_log, "create_progress_artifact", lambda **artifact: uuid4())

    def send(event):
        lines = []
        with disable_run_logger():
            log = TrainingLog("compact", "selection")
        log.logger = logging.getLogger("of this test")
        log.logger.handlers = [Kept(lines)]
        log.logger.setLevel(logging.INFO)
        log(event)
        return lines

    return send


class Kept(logging.Handler):
    def __init__(self, lines) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record) -> None:
        self.lines.append((record.levelname, record.getMessage()))


def test_a_budget_of_few_epochs_is_a_warning_with_what_to_do(said):
    (level, warned), (_, planned) = said(make_plan(least_epochs=10, least_seconds=161))
    assert level == "WARNING"
    assert warned.startswith("compact: got a time budget of 0.8 minutes, which allows 3 epochs, expected at least 10:")
    assert "give it 2.7 minutes" in warned
    assert planned == "compact: planned 3 epochs of 17 steps in float32, 1 threads"


def test_a_plan_of_enough_epochs_warns_of_nothing(said):
    assert [level for level, _ in said(make_plan())] == ["INFO"]


def test_the_plan_names_a_target_of_votes(said):
    ((_, planned),) = said(make_plan(target="majority"))
    assert planned.endswith("1 threads, towards the class that most people chose")
