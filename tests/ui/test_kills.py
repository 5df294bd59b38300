"""Whatever is killed under `emotion up` while a run trains, the run ends Completed or one retry continues it.

No finished epoch is trained twice, and no process is left. A run is looked at and retried here as the UI does it: by
the server's API.
"""

import time
from typing import NamedTuple

import pytest

from tests.support.killed_run import (
    ENDED,
    LEFT_SECONDS,
    Training,
    kill_everything,
    kill_mlflow,
    kill_parent,
    kill_server_for_ten_seconds,
    kill_worker,
)
from tests.support.up_command import wait_until

pytestmark = [pytest.mark.ui, pytest.mark.timeout(2400)]


class Outcome(NamedTuple):
    """A row of the table that the module prints."""

    killed: str
    seconds: float
    states: list[str]
    retries: int
    epochs: int


@pytest.fixture(scope="module")
def outcomes(request):
    """The rows of the table, printed once all are there."""
    rows: list[Outcome] = []
    yield rows
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n\n| killed | wall time | states | retries | epochs, each trained once |\n|---|---|---|---|---|")
        for row in rows:
            print(f"| {row.killed} | {row.seconds:.0f} s | {', '.join(row.states)} | {row.retries} | {row.epochs} |")


KILLS = {
    "server, for 10 s": (kill_server_for_ten_seconds, 240),
    "worker": (kill_worker, 41),
    "MLflow": (kill_mlflow, 42),
    "the run's parent": (kill_parent, 43),
    "everything": (kill_everything, 44),
}


@pytest.mark.parametrize("killed", KILLS)
def test_a_kill_loses_no_epoch_and_leaves_no_process(killed, up, tmp_path, outcomes):
    kill_it, epochs = KILLS[killed]
    training = Training(up, tmp_path, epochs, seed=epochs)
    training.wait_for_epoch(3)
    kill_it(up, training)
    states = [training.wait_for_end()]
    while states[-1] != "COMPLETED":
        assert len(states) == 1, "more than one retry"
        training.retry()
        wait_until(lambda: training.state() not in (*ENDED, "UNKNOWN"))
        states.append(training.wait_for_end())
    seconds = time.monotonic() - training.started
    outcomes.append(Outcome(killed, seconds, [s.capitalize() for s in states], len(states) - 1, training.check()))


def test_a_cancelled_run_ends_within_half_a_minute_and_the_next_one_goes_on(up, tmp_path, outcomes):
    training = Training(up, tmp_path, epochs=45, seed=45)
    training.wait_for_epoch(3)
    asked = time.monotonic()
    training.set_state("CANCELLING", "Cancelling")
    wait_until(lambda: not training.left(), LEFT_SECONDS)
    took = time.monotonic() - asked
    wait_until(lambda: training.state() == "CANCELLED", 60)
    again = Training(up, tmp_path, epochs=45, seed=45)
    assert again.wait_for_end() == "COMPLETED"
    logged = training.finished_epochs() + again.finished_epochs()
    assert len(logged) == len(set(logged))
    outcomes.append(Outcome("cancelled, then run again", took, ["Cancelled", "Completed"], 0, again.check()))
