"""Kills at random moments under `emotion up`: every training is continued, and no digit of it differs.

Each training has its own seed. If a run ends without a result, it is started again with the same parameters, as the
next scheduled one would be. In the end every training is repeated undisturbed in a workspace of its own, and compared.
"""

import os
import random
import time
from collections import Counter

import psutil
import pytest

from data.workspace.stage_record import list_records
from tests.support.emotion_command import run_emotion
from tests.support.killed_run import ENDED, Training, kill_everything, words_of
from tests.support.reliability_page import write_table
from tests.support.up_command import Up, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(5400)]

KILLS = int(os.environ.get("EMOTION_KILLS", "100"))
EPOCHS = 60
LONGEST_WAIT_SECONDS = 16.0
START_SECONDS = 20
"""Time after which a run that was asked for has a process, unless it was killed."""

SEED = 20261128

PARTS = {"server": 12, "worker": 8, "MLflow": 8, "report pages": 6, "the run": 30, "its training": 33, "everything": 3}
"""How often each is killed, in a hundred."""

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
def up(tmp_path):
    started = Up(tmp_path / "workspace")
    wait_until(started.is_ready)
    yield started
    started.end()
    assert started.processes() == []


def test_random_kills_change_no_digit(up, tmp_path):
    first = Training(up, tmp_path, epochs=2, seed=0)  # makes the data set and its views
    assert first.wait_for_end() == "COMPLETED"
    chance, kills, trainings, starts = random.Random(SEED), Counter(), [], 0
    while sum(kills.values()) < KILLS:
        if not trainings or has_result(up, trainings[-1]):
            trainings.append(Training(up, tmp_path, EPOCHS, seed=len(trainings) + 1))
        else:
            starts += start_again(up, trainings[-1])
        time.sleep(chance.uniform(0, LONGEST_WAIT_SECONDS))
        kills.update(kill_one(up, *chance.choices(list(PARTS), PARTS.values())))
    while not has_result(up, trainings[-1]):
        wait_until(lambda: has_ended(up, trainings[-1]) or has_result(up, trainings[-1]), 1800)
        starts += start_again(up, trainings[-1])
    wait_until(lambda: not trainings[-1].left(), 600)
    compared = compare(up, trainings, tmp_path / "undisturbed")
    rows = [[part, str(kills[part])] for part in PARTS if kills[part]]
    rows += [["all", str(sum(kills.values()))], ["trainings of 60 epochs", str(len(trainings))]]
    rows += [["runs started again", str(starts)], ["files equal to those of undisturbed runs", str(compared)]]
    write_table("kills", ("what", "number"), rows)


def has_result(up, training):
    """Tell whether the training of this seed is finished."""
    records = list_records(up.settings.workspace)
    return any(record.stage == "variants" and record.inputs.get("seed") == training.seed for record, _ in records)


def start_again(up, training):
    """Start a run again that ended without a result; return how many were started."""
    if has_result(up, training) or not has_ended(up, training):
        return 0
    training.start()
    return 1


def has_ended(up, training):
    """Tell whether the run's process is gone, whether the server knows it or nobody could tell it."""
    if any(is_of(process, "the run") for process in up.processes()):
        return False
    state = training.state()
    started = time.monotonic() - training.asked > START_SECONDS
    return state in ENDED or (started and state in ("RUNNING", "PENDING"))


def kill_one(up, part):
    """Kill a part if it is there now, and return it as a list of what was killed."""
    if part == "everything":
        kill_everything(up, None)
        return [part]
    found = [process for process in up.processes() if is_of(process, part)]
    for process in found:
        process.kill()
    return [part] if found else []


def is_of(process, part):
    try:
        if part == "MLflow":
            return process.environ().get("EMOTION_UP_PART") == "mlflow"
        return WORDS[part] in words_of(process)
    except psutil.Error:
        return False


def compare(up, trainings, undisturbed):
    """Repeat each training undisturbed and compare the files of equal keys; return how many there are."""
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
