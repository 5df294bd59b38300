"""Commands of `emotion store`; the champion on a fresh host: looked up, used, rolled back, and given back."""

import json
import os
import shutil
import time

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from data.base.errors import PipelineError
from data.records.training import VariantResult
from data.shared_store.needs import list_needs
from data.shared_store.objects import ObjectStore
from data.shared_store.stages import forget_stage
from data.workspace.layout import EXPORTS_STAGE, REPORTS_STAGE, RESULTS_NAME, VARIANTS_STAGE
from data.workspace.run_results import read_results
from data.workspace.stage_record import RECORD_NAME
from data.workspace.store import Produced, Workspace
from flows.cli.commands import app
from flows.settings import load_settings
from models.export.find import champion_export
from models.jobs.files import NETWORK_NAME, RESULT_NAME
from models.registry.champion import ModelRegistry
from models.registry.lookup import find_version
from models.registry.tags import REPORT_TAG, VARIANT_TAG, version_tags
from models.registry.tracking import TrackSpec, track_report
from tests.support.halves_export import write_halves_export
from tests.support.results_factory import make_results
from tests.support.s3_server import BUCKET, s3_server
from tests.support.seed_format import CLASSES
from tests.support.tiny_network import save_tiny_network

LONG_AGO = time.time() - 30 * 24 * 3600


def train(workspace: Workspace, number: int) -> Produced:
    """Write the training, the export and the report of one run, all of them long ago; version N prefers label N - 1."""

    def write_training(out):
        results = make_results(out, trained=1, seed=number)
        for path in (out / "compact").iterdir():
            shutil.move(path, out / path.name)
        (out / "compact").rmdir()
        save_tiny_network(out / NETWORK_NAME)
        (out / RESULT_NAME).write_text(results.variants[0].model_dump_json())

    def write_report(out):
        result = VariantResult.model_validate_json((training.path / RESULT_NAME).read_bytes())
        named = result.model_copy(update={"training": training.key})
        results = make_results(out / "drawn", trained=0).model_copy(update={"variants": (named,)})
        (out / RESULTS_NAME).write_text(results.model_dump_json())
        (out / "index.html").write_text("<p>a report</p>")

    training = workspace.produce(VARIANTS_STAGE, {"variant": f"compact {number}"}, write_training)
    export = workspace.produce(
        EXPORTS_STAGE, {"training": training.key}, lambda out: write_halves_export(out, favourite=number - 1)
    )
    report = workspace.produce(REPORTS_STAGE, {"variants": {"compact": training.key}}, write_report)
    for stage in (training, export, report):
        os.utime(stage.path / RECORD_NAME, (LONG_AGO + number, LONG_AGO + number))
    tracked = track_report(TrackSpec(report=report.path, workspace=workspace.root, workspace_id=workspace.id))
    tags = version_tags(training.key, "compact", report.key, workspace.id)
    registry = ModelRegistry(workspace.root)
    registry.move_champion(registry.register(tracked.variants["compact"], tags), "a test", f"the run {number}")
    return training


@pytest.fixture(scope="module")
def shared():
    with s3_server() as variables:
        yield {**variables, "EMOTION_STORE": f"s3://{BUCKET}/team", "EMOTION_KEEP_REPORTS": "1", "COLUMNS": "200"}


@pytest.fixture
def emotion(shared, monkeypatch):
    """Run a command on a host, which is a workspace."""
    for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in shared.items():
        monkeypatch.setenv(name, value)

    def run(host, *arguments, status=0):
        monkeypatch.setenv("EMOTION_WORKSPACE", str(host))
        outcome = CliRunner().invoke(app, arguments)
        if outcome.exception and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        assert outcome.exit_code == status, outcome.output
        return outcome.stdout

    return run


def predict(emotion, host, photo):
    """Return version and label of the champion's answer to a photo."""
    (answer,) = [json.loads(line) for line in emotion(host, "predict", str(photo), "--json").splitlines()]
    return answer["version"], answer["faces"][0]["label"]


def test_a_fresh_host_rolls_the_champion_back_and_the_first_host_follows(emotion, tmp_path):
    halves = np.repeat(np.uint8([[250], [20]]), 24, axis=0).repeat(48, axis=1)
    Image.fromarray(halves).save(tmp_path / "face.png")
    one, two, away = (tmp_path / name for name in ("one", "two", "away"))
    first, second = (train(Workspace(one, reserve_bytes=0), number) for number in (1, 2))
    answers = predict(emotion, one, tmp_path / "face.png")
    assert answers == ("emotion/2", CLASSES[1])
    emotion(one, "store", "push")
    one.rename(away)  # nothing on the fresh host may lead to the first one

    emotion(two, "store", "pull")
    registry = ModelRegistry(two)
    assert (registry.champion(), registry.previous()) == (2, 1)
    assert champion_export(two)[1].is_relative_to(two)
    assert predict(emotion, two, tmp_path / "face.png") == answers
    assert find_version(two).tags[VARIANT_TAG] == second.key

    said = emotion(two, "models", "rollback", "--reason", "worse in use")
    assert "Champion: version 1" in said
    assert (find_version(two).version, find_version(two).tags[VARIANT_TAG]) == (1, first.key)
    rolled_back = predict(emotion, two, tmp_path / "face.png")
    assert rolled_back == ("emotion/1", CLASSES[0])
    (tmp_path / "fetched").mkdir()
    network = ModelRegistry(two).fetch_network(1, tmp_path / "fetched")
    assert network.read_bytes() == (two / VARIANTS_STAGE / first.key / NETWORK_NAME).read_bytes()
    report = find_version(two).tags[REPORT_TAG]
    assert read_results(two / REPORTS_STAGE / report).variants[0].training == first.key
    assert [entry.move.kind for entry in ModelRegistry(two).history()] == ["promotion", "promotion", "rollback"]
    assert not one.exists()

    emotion(two, "store", "push")
    away.rename(one)
    emotion(one, "store", "pull")
    assert (ModelRegistry(one).champion(), ModelRegistry(one).rolled_back()) == (1, frozenset({second.key}))
    assert predict(emotion, one, tmp_path / "face.png") == rolled_back


@pytest.fixture
def team(emotion, tmp_path, monkeypatch):
    """A store of this test alone, which the commands use."""
    monkeypatch.setenv("EMOTION_STORE", f"file://{tmp_path / 'team'}")
    return ObjectStore(f"file://{tmp_path / 'team'}")


def test_a_pull_names_what_the_store_lacks(emotion, team, tmp_path):
    one = tmp_path / "one"
    train(Workspace(one, reserve_bytes=0), 1)
    emotion(one, "store", "push")
    pushed = {needed for needs in list_needs(team) for needed in needs.stages}
    (training,) = (key for stage, key in pushed if stage == VARIANTS_STAGE)
    forget_stage(team, VARIANTS_STAGE, training)

    said = emotion(tmp_path / "two", "store", "pull", status=3)
    assert f"The store lacks 1 stage that this workspace needs, or has it damaged: variants/{training}. Run" in said
    assert "2 stages fetched" in said, "export and report"
    emotion(one, "store", "push")
    assert "1 stage fetched" in emotion(tmp_path / "two", "store", "pull")


def test_a_refused_state_does_not_keep_what_this_host_needs_from_the_store(emotion, team, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    train(Workspace(one, reserve_bytes=0), 1)
    emotion(one, "store", "push")
    emotion(two, "store", "pull")
    train(Workspace(one, reserve_bytes=0), 2)
    emotion(one, "store", "push")
    trained = train(Workspace(two, reserve_bytes=0), 3)
    with pytest.raises(PipelineError, match="run `emotion store pull` first"):
        emotion(two, "store", "push")
    assert trained.key in {key for needs in list_needs(team) for _, key in needs.stages}
    assert "removed 0 stages" in emotion(one, "store", "prune", "--days", "0")
    assert emotion(one, "store", "status").count(f"(needs/{Workspace(one).id}/") == 2


def test_hosts_that_share_mlflow_push_workspaces_of_their_own(emotion, team, tmp_path, monkeypatch):
    hosts = tmp_path / "one", tmp_path / "two"
    monkeypatch.chdir(tmp_path)  # MLflow writes the artifacts of such a database below it
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    for number in (1, 2, 3, 4):
        host = hosts[number % 2]
        train(Workspace(host, reserve_bytes=0), number)
        emotion(host, "store", "push")
    assert {ModelRegistry(host).champion() for host in hosts} == {4}
    assert len({needs.workspace for needs in list_needs(team)}) == 2


@pytest.mark.parametrize("below", ["", "store"])
@pytest.mark.parametrize("command", ["push", "pull", "status"])
def test_a_store_in_the_workspace_is_refused_and_nothing_is_written(emotion, tmp_path, monkeypatch, below, command):
    monkeypatch.setenv("EMOTION_STORE", f"file://{tmp_path / 'one' / below}")
    with pytest.raises(PipelineError, match=r"the workspace .*one; expected two directories"):
        emotion(tmp_path / "one", "store", command)
    with pytest.raises(PipelineError, match="expected two directories"):
        load_settings().open_workspace()  # of a run
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize("command", ["pull", "verify", "prune"])
def test_what_only_reads_makes_no_store(emotion, tmp_path, monkeypatch, command):
    monkeypatch.setenv("EMOTION_STORE", f"file://{tmp_path / 'mistyped' / 'team'}")
    with pytest.raises(PipelineError, match="a directory that does not exist: nothing was pushed there yet"):
        emotion(tmp_path / "one", "store", command)
    assert "does not exist: nothing was pushed there yet" in emotion(tmp_path / "one", "store", "status")
    load_settings().open_workspace(shared=False)  # of emotion prune
    assert not list(tmp_path.iterdir())


def test_a_store_without_anything_is_called_empty_and_not_whole(emotion, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTION_STORE", f"file://{tmp_path / 'team'}")
    (tmp_path / "team").mkdir()
    assert "is empty: nothing was pushed there yet" in emotion(tmp_path / "one", "store", "verify")
    assert "removed 0 stages" in emotion(tmp_path / "one", "store", "prune")
    assert "is empty" in emotion(tmp_path / "one", "store", "verify"), "the time that pruning asks for is no content"
    train(Workspace(tmp_path / "one", reserve_bytes=0), 1)
    emotion(tmp_path / "one", "store", "push")
    assert "is whole" in emotion(tmp_path / "one", "store", "verify")


def test_a_host_that_looked_for_a_champion_first_can_pull(emotion, team, tmp_path):
    train(Workspace(tmp_path / "one", reserve_bytes=0), 1)
    emotion(tmp_path / "one", "store", "push")
    emotion(tmp_path / "two", "models", "list")
    assert "3 stages fetched" in emotion(tmp_path / "two", "store", "pull")
    assert Workspace(tmp_path / "two").id == Workspace(tmp_path / "one").id
    assert ModelRegistry(tmp_path / "two").champion() == 1
