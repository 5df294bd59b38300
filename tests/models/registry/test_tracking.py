"""Finished runs in a real MLflow: what is written, never twice, completed after an interruption; the model scores."""

import time
from collections import Counter

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from data.base.errors import PipelineError, TransientError
from data.records.run import RunResults
from data.workspace.mark import claim_root
from models.registry.champion import ModelRegistry
from models.registry.connection import EXPERIMENT, connect
from models.registry.experiment import find_experiment
from models.registry.tags import version_tags
from models.registry.tracking import TrackSpec, track_report
from models.registry.versions import CHAMPION
from tests.support.consumer import run_consumer
from tests.support.registry_factory import LINEAGE, make_report
from tests.support.tiny_network import save_tiny_network

TRAINED = 1


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = tmp_path_factory.mktemp("workspace")
    claim_root(root)
    return root


@pytest.fixture(scope="module")
def network(workspace):
    return save_tiny_network(workspace / "model.keras")


@pytest.fixture(scope="module")
def report(workspace, network):
    return make_report(workspace, "report1", workspace / "model.keras", TRAINED)


@pytest.fixture(scope="module")
def tracked(workspace, report):
    return track_report(TrackSpec(report=report, workspace=workspace, workspace_id="here", flow_run_id="1234"))


@pytest.fixture(scope="module")
def client(workspace, tracked):
    return connect(workspace)


@pytest.fixture(scope="module")
def results(report):
    return RunResults.model_validate_json((report / "results.json").read_text())


def summarize(client, report_key):
    """Return everything that MLflow has of a report, as counts and texts that may be compared."""
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    wanted = f"tags.`emotion.report` = '{report_key}'"
    summary = Counter()
    for run in client.search_runs([experiment], filter_string=wanted):
        name = run.info.run_name
        summary[f"{name} {run.info.status}"] += 1
        summary.update({f"{name} param {key}={value}": 1 for key, value in run.data.params.items()})
        for metric in run.data.metrics:
            history = client.get_metric_history(run.info.run_id, metric)
            summary.update(f"{name} {metric} {one.step} {one.value}" for one in history)
        summary.update(f"{name} artifact {file.path}" for file in client.list_artifacts(run.info.run_id))
        summary.update(f"{name} input {one.dataset.digest}" for one in run.inputs.dataset_inputs)
        models = client.search_logged_models([experiment], filter_string=f"source_run_id = '{run.info.run_id}'")
        summary.update(f"{name} model {model.status}" for model in models)
    return summary


def test_a_run_has_a_child_for_each_variant_that_was_trained_or_failed(client, tracked, results):
    parent = client.get_run(tracked.run_id)
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["prefect.flow_run_id"] == "1234"
    assert parent.data.tags["prefect.url"] == results.prefect_url
    assert parent.data.tags["emotion.report"] == "report1"
    statuses = {}
    for variant in results.variants:
        if variant.status == "skipped":
            assert variant.name not in tracked.variants
            continue
        run = client.get_run(tracked.variants[variant.name].run_id)
        assert run.data.tags["mlflow.parentRunId"] == tracked.run_id
        statuses[variant.status] = run.info.status
    assert statuses == {"trained": "FINISHED", "failed": "FAILED"}


def test_every_epoch_and_every_figure_is_there(client, tracked, results):
    variant = next(v for v in results.variants if v.name == "compact")
    run = client.get_run(tracked.variants["compact"].run_id)
    history = client.get_metric_history(run.info.run_id, "epoch/selection_accuracy")
    assert [(one.step, one.value) for one in history] == [(e.epoch, e.monitor_accuracy) for e in variant.epochs]
    validation = variant.parts["validation"]
    for name in ("accuracy", "accuracy_low", "accuracy_high"):
        assert run.data.metrics[f"validation/{name}"] == getattr(validation, name)
    assert run.data.params["train.batch_size"] == "64"
    assert run.data.params["plan.precision"] == "float32"
    parent = client.get_run(tracked.run_id)
    assert run.data.params["truth"] == parent.data.params["truth"] == results.truth, "labels that figures are by"


def test_a_run_leads_to_its_data_and_keeps_its_files(client, tracked):
    parent = client.get_run(tracked.run_id)
    (given,) = parent.inputs.dataset_inputs
    assert given.dataset.digest == LINEAGE["datasets"]
    assert {file.path for file in client.list_artifacts(tracked.run_id, "report")} == {
        "report/index.html",
        "report/results.json",
    }
    files = {file.path for file in client.list_artifacts(tracked.variants["compact"].run_id)}
    assert files >= {"predictions.parquet", "environment.json", "lineage.json"}


def test_written_twice_nothing_is_there_twice(client, tracked, workspace, report):
    before = summarize(client, "report1")
    assert track_report(TrackSpec(report=report, workspace=workspace, workspace_id="here")) == tracked
    assert summarize(client, "report1") == before
    assert before["compact model LoggedModelStatus.READY"] + before["compact model READY"] == 1


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    ("interrupted", "after"),
    [
        ("create_run", 0),
        ("create_run", 1),
        ("log_batch", 1),
        ("log_inputs", 0),
        ("log_model_artifacts", 0),
        ("finalize_logged_model", 0),
        ("set_terminated", 0),
        ("set_terminated", 1),
    ],
)
def test_what_an_interruption_left_is_completed(client, workspace, interrupted, after, monkeypatch):
    key = f"{interrupted}{after}"
    report = make_report(workspace, key, workspace / "model.keras", TRAINED)
    spec, calls, original = (
        TrackSpec(report=report, workspace=workspace, workspace_id="here"),
        [],
        getattr(MlflowClient, interrupted),
    )

    def end(self, *arguments, **named):
        calls.append(interrupted)
        if len(calls) > after:
            raise Killed
        return original(self, *arguments, **named)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(MlflowClient, interrupted, end)
        track_report(spec)
    track_report(spec)
    whole = {text.replace(key, "report1"): count for text, count in summarize(client, key).items()}
    assert whole == summarize(client, "report1")


def test_the_model_scores_in_a_project_with_packages_of_the_same_names(tracked, network, workspace, tmp_path):
    registry = ModelRegistry(workspace)
    version = registry.register(
        tracked.variants["compact"], version_tags("compact", "compact", "report1", "here", "first")
    )
    assert (
        registry.register(tracked.variants["compact"], version_tags("compact", "compact", "report1", "here")) == version
    )
    registry.move_champion(version, "test", "the first")
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 1)).astype(np.uint8)
    np.save(tmp_path / "images.npy", images)
    for name in ("models", "data"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("OWNER = 'the consumer'")
    script = f"""
        import json, sys
        sys.path.insert(0, "{tmp_path}")
        import mlflow, numpy as np
        mlflow.set_tracking_uri("sqlite:///{workspace}/mlflow/mlflow.db")
        model = mlflow.pyfunc.load_model("models:/emotion@{CHAMPION}")
        answer = model.predict(np.load("images.npy"))
        example = model.predict(model.input_example)
        try:
            model.predict(np.load("images.npy").astype(np.float64))
            refused = False
        except mlflow.MlflowException:
            refused = True
        loaded = [name for name in ("models", "data") if name in sys.modules]
        import emotion_layers, models, data
        owners = [models.OWNER, data.OWNER]
        shape = list(example.shape)
        print(json.dumps([answer.tolist(), str(answer.dtype), shape, refused, emotion_layers.__file__, loaded, owners]))
    """
    answer, dtype, example, refused, layers, loaded, owners = run_consumer(script, tmp_path)
    assert dtype == "float32"
    np.testing.assert_allclose(answer, network.predict(images, verbose=0), atol=1e-6)
    assert (example, refused) == ([1, 4], True)
    assert layers.startswith(str(workspace)), "the model carries its own layers"
    assert (loaded, owners) == ([], ["the consumer", "the consumer"])


def test_an_mlflow_that_is_away_is_told_soon(report, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    started = time.monotonic()
    with pytest.raises(TransientError, match=r"from MLflow at http://127\.0\.0\.1:1"):
        track_report(TrackSpec(report=report, workspace=tmp_path, workspace_id="here"))
    assert time.monotonic() - started < 60


def test_an_experiment_that_was_deleted_is_restored_and_written(tmp_path):
    first = make_report(tmp_path, "first", trained=TRAINED)
    tracked = track_report(TrackSpec(report=first, workspace=tmp_path, workspace_id="here"))
    client = connect(tmp_path)
    client.delete_experiment(tracked.experiment_id)
    second = make_report(tmp_path, "second", trained=TRAINED)
    again = track_report(TrackSpec(report=second, workspace=tmp_path, workspace_id="here"))
    assert again.experiment_id == tracked.experiment_id
    for run in (tracked.run_id, again.run_id):
        assert client.get_run(run).info.lifecycle_stage == "active"


def test_an_experiment_that_may_not_be_restored_is_named_with_the_command(tmp_path, monkeypatch):
    client = connect(tmp_path)
    number = client.create_experiment(EXPERIMENT)
    client.delete_experiment(number)

    def refuse(*arguments):
        raise MlflowException("Permission denied")

    monkeypatch.setattr(MlflowClient, "restore_experiment", refuse)
    with pytest.raises(PipelineError, match=f"mlflow experiments restore --experiment-id {number}"):
        find_experiment(client, tmp_path)
