"""Kills at random moments under `emotion up`: every training is continued, and no digit of it differs.

Each training has its own seed. If a run ends without completing, it is started again with the same parameters, as the
next scheduled one would be. In the end every training is repeated undisturbed in a workspace of its own, and compared.
"""

import os
import random
import time
from collections import Counter
from contextlib import suppress

import psutil
import pytest

from data.workspace.stage_record import list_records
from tests.support.emotion_command import run_emotion
from tests.support.killed_run import Training, kill_everything, words_of
from tests.support.reliability_page import write_table
from tests.support.up_command import Up, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(5400)]

KILLS = int(os.environ.get("EMOTION_KILLS", "100"))
EPOCHS = 40
MEAN_WAIT_SECONDS = 6.5
"""Mean time between kills. The waits are exponential, as between events that know nothing of each other: many are
short, so that a kill meets a start, and some are long enough for a training to continue; it takes 25 s to start."""

FAILED = ("FAILED", "CRASHED", "CANCELLED")

START_SECONDS = 20
"""Time after which a run that was asked for has a process, unless it was killed."""

SEED = 20261128

PARTS = {
    "server": 10,
    "worker": 7,
    "MLflow": 25,
    "report pages": 18,
    "the run": 17,
    "its training": 20,
    "everything": 3,
}
"""How often each is drawn, in a hundred. Runs go on without MLflow and pages; after the others, a run needs up to half
a minute until it trains again, so with equal shares nothing would ever be trained."""

WORDS = {
    "server": "flows.server.process",
    "worker": "flows.service.worker",
    "report pages": "flows.service.report_site",
    "the run": "prefect.engine",
    "its training": "models.training.fit",
}
"""Word in the command line of a part's process."""

COMPARED = (".parquet", ".tfrecord", ".npz")
"""Names of the files whose bytes must be equal; others hold times and paths."""


@pytest.fixture
def up(tmp_path, monkeypatch):
    # A run that is killed before it could tell that it runs keeps its place for so long; by default 300 s.
    monkeypatch.setenv("PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION", "60")
    started = Up(tmp_path / "workspace")
    wait_until(started.is_ready)
    yield started
    started.end()
    assert started.processes() == []


def test_random_kills_change_no_digit(up, tmp_path, capsys):
    first = Training(up, tmp_path, epochs=2, seed=0)  # makes the data set and its views
    assert first.wait_for_end() == "COMPLETED"
    chance, kills, trainings, starts = random.Random(SEED), Counter(), [], 0
    while sum(kills.values()) < KILLS:
        if not trainings or trainings[-1].state() == "COMPLETED":
            trainings.append(Training(up, tmp_path, EPOCHS, seed=len(trainings) + 1))
        else:
            starts += start_again(up, trainings[-1])
        time.sleep(chance.expovariate(1 / MEAN_WAIT_SECONDS))
        (part,) = chance.choices(list(PARTS), list(PARTS.values()))
        kills[part] += kill_one(up, part)
        with capsys.disabled():  # half an hour without a line looks like a test that hangs
            print(f"kill {sum(kills.values())} of {KILLS}: {part}, training {len(trainings)}")
    while trainings[-1].state() != "COMPLETED":
        wait_until(lambda: has_ended(up, trainings[-1]) or trainings[-1].state() == "COMPLETED", 1800)
        starts += start_again(up, trainings[-1])
    wait_until(lambda: not trainings[-1].left(), 600)
    compared = compare(up, [first, *trainings], tmp_path / "undisturbed")
    rows = [[part, str(kills[part])] for part in PARTS if kills[part]]
    rows += [["all", str(sum(kills.values()))], [f"trainings of {EPOCHS} epochs", str(len(trainings))]]
    rows += [["runs started again", str(starts)], ["files equal to those of undisturbed runs", str(compared)]]
    write_table("kills", ("what", "number"), rows)


def start_again(up, training):
    """Start a run again that ended without completing; return how many were started."""
    if not has_ended(up, training):
        return 0
    training.start()
    return 1


def has_ended(up, training):
    """Tell whether a run that is not completed lost its process, whether or not somebody could tell the server."""
    if any(is_of(process, "the run") for process in up.processes()):
        return False
    state = training.state()
    started = time.monotonic() - training.asked > START_SECONDS
    return state in FAILED or (started and state in ("RUNNING", "PENDING"))


def kill_one(up, part):
    """Kill a part, and tell whether it was there to be killed."""
    if part == "everything":
        kill_everything(up, None)
        return True
    found = [process for process in up.processes() if is_of(process, part)]
    for process in found:
        with suppress(psutil.NoSuchProcess):  # it may have ended meanwhile, and counts as killed at its end
            process.kill()
    return bool(found)


def is_of(process, part):
    try:
        if part == "MLflow":
            return process.environ().get("EMOTION_UP_PART") == "mlflow"
        return WORDS[part] in words_of(process)
    except psutil.Error:
        return False


def compare(up, trainings, undisturbed):
    """Repeat the trainings undisturbed in their order and compare the files of equal keys; return how many there are.

    The first one belongs to it: it makes the champion that the next ones are compared with.
    """
    for training in trainings:
        arguments = ("--source", "sample", "--preset", str(training.preset), "--seed", str(training.seed), "--plain")
        outcome = run_emotion(undisturbed, "run", *arguments)
        assert outcome.returncode == 0, outcome.stderr[-2000:]
    expected = digests(undisturbed)
    found = digests(up.settings.workspace)
    common = expected.keys() & found.keys()
    assert len({name for name in common if name[0] == "variants"}) >= len(trainings)
    assert [name for name in sorted(common) if expected[name] != found[name]] == []
    return len(common)


def digests(root):
    """Return the checksum of each compared file, by stage, key and name."""
    return {
        (record.stage, record.key, name): sha256
        for record, _ in list_records(root)
        for name, (_, sha256) in record.files.items()
        if name.endswith(COMPARED)
    }
