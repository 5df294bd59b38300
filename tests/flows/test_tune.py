"""A search through the command, on the sample set: interrupted, resumed, repeated, and its preset measured."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from data.records.run import RunResults
from data.records.search import SearchRecord
from models.catalog.presets import PRESETS, load_preset
from tests.support.emotion_command import EMOTION, environment, run_emotion

pytestmark = pytest.mark.slow

SPACE = {"optimizers": ["adam"], "batch_sizes": [32, 64]}
COMMAND = ["tune", "--preset", "smoke", "--trial-minutes", "0.2", "--minutes", "30", "--parallel", "1"]
WIDE = {"COLUMNS": "140"}


def succeed(workspace, *arguments):
    """Run the command to a good end and return what it printed."""
    outcome = run_emotion(workspace, *arguments, **WIDE)
    assert outcome.returncode == 0, outcome.stdout[-2000:] + outcome.stderr[-4000:]
    return outcome.stdout


def search(workspace, trials):
    out = workspace / "found.json"
    return succeed(workspace, *COMMAND, "--trials", str(trials), "--space", json.dumps(SPACE), "--out", str(out))


def begin_and_interrupt(workspace):
    """Begin a search and kill its process in the first trial; returns its children."""
    log = workspace.with_name("interrupted.log")
    with log.open("w") as output:
        command = [EMOTION, *COMMAND, "--trials", "2", "--space", json.dumps(SPACE)]
        process = subprocess.Popen(
            command, env=environment(workspace, **WIDE), stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 200
        while not re.search(r"trial-0: planned", log.read_text()):
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.1)
        family = psutil.Process(process.pid).children(recursive=True)
        assert any("models.training.fit" in child.cmdline() for child in family)
    finally:
        process.kill()
        process.wait(15)
    return family


@pytest.fixture(scope="module")
def first(server, workspace):
    """The outcome of a search that was interrupted and started again."""
    family = begin_and_interrupt(workspace)
    _, alive = psutil.wait_procs(family, timeout=15)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    return search(workspace, 2)


@pytest.fixture(scope="module")
def record(first, workspace):
    (path,) = workspace.glob("searches/*/search.json")
    return SearchRecord.model_validate_json(path.read_text())


def trainings(workspace):
    return {path.name for path in (workspace / "variants").iterdir() if not path.name.startswith(".")}


def test_an_interrupted_search_counts_each_trial_once(record, workspace):
    assert [trial.outcome.state for trial in record.trials] == ["finished", "finished"]
    assert {trial.outcome.training for trial in record.trials} == trainings(workspace)
    assert {trial.recipe["optimizer"] for trial in record.trials} == {"adam"}
    assert len({json.dumps(trial.recipe) for trial in record.trials}) == 2


def test_a_trial_is_judged_by_selection(record, workspace):
    for trial in record.trials:
        result = json.loads((workspace / "variants" / trial.outcome.training / "result.json").read_text())
        assert trial.outcome.accuracy == result["parts"]["selection"]["accuracy"]
        assert result["monitor"] == "selection"


def test_the_command_prints_trials_the_warning_and_what_to_do_next(first, record, workspace):
    for trial in record.trials:
        assert f"{trial.outcome.accuracy:.1%}" in first
    assert "flatters" in first
    assert f"emotion run --source sample --preset {workspace / 'found.json'} --seed 42" in first.replace("\n", "")


def test_the_server_has_the_trials_and_their_table_and_no_word_of_validation(record, server):
    artifacts = {artifact["key"]: artifact for artifact in server.ask("artifacts")}
    assert len(json.loads(artifacts["trials"]["data"])) == 2
    runs = server.ask("flow_runs", flow_runs={"name": {"any_": ["tune compact on sample"]}}, sort="START_TIME_DESC")
    tasks = server.tasks_of(runs[0]["id"])
    trials = [name for name in tasks if name.startswith("trial ")]
    assert len(trials) == 2
    said = "\n".join(line for name in trials for line in server.logs_of(tasks[name]["id"]))
    assert "selection accuracy" in said
    assert "validation" not in said


def test_the_found_preset_is_the_winners_recipe_on_the_same_views(record, workspace):
    found = load_preset(str(workspace / "found.json"))
    assert found.recipe("compact", 0).model_dump(mode="json") == record.winner.recipe
    assert (found.augment, found.views) == (PRESETS["smoke"].augment, PRESETS["smoke"].views)


def test_a_run_of_the_preset_measures_the_winner_without_training_it_again(record, workspace):
    before = trainings(workspace)
    succeed(workspace, "run", "--preset", str(workspace / "found.json"))
    (path,) = workspace.glob("reports/*/results.json")
    (variant,) = RunResults.model_validate_json(path.read_text()).variants
    assert Path(variant.directory).name == record.winner.outcome.training
    assert trainings(workspace) == before


def test_a_repeat_trains_nothing_and_so_does_a_lost_study(record, workspace):
    before = {path: path.stat().st_mtime_ns for path in workspace.glob("variants/*/result.json")}
    search(workspace, 2)
    shutil.rmtree(workspace / "studies")
    search(workspace, 2)
    assert {path: path.stat().st_mtime_ns for path in workspace.glob("variants/*/result.json")} == before
