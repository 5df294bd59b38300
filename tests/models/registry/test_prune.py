"""Runs of reports that left the workspace leave MLflow too, files and all; what a version came from stays."""

import pytest
from mlflow.entities import ViewType

from data.workspace.layout import MLFLOW_FOLDER
from data.workspace.mark import claim_root
from models.registry.champion import ModelRegistry
from models.registry.connection import EXPERIMENT, URI_VARIABLE, connect
from models.registry.prune import MlflowPruner
from models.registry.tags import WORKSPACE_TAG, version_tags
from models.registry.tracking import TrackSpec, track_report
from tests.support.registry_factory import make_report
from tests.support.tiny_network import save_tiny_network


def track(workspace, key, owner="here"):
    report = make_report(workspace, key, workspace / "model.keras" if (workspace / "model.keras").exists() else None)
    return track_report(TrackSpec(report=report, workspace=workspace, workspace_id=owner))


@pytest.fixture
def workspace(tmp_path):
    root = tmp_path / "workspace"
    claim_root(root)
    save_tiny_network(root / "model.keras")
    for key in ("old", "served", "new"):
        tracked = track(root, key)
        if key == "served":
            ModelRegistry(root).register(tracked.variants["compact"], version_tags("v", "compact", key, "here"))
    return root


@pytest.fixture
def neighbour(workspace, tmp_path, monkeypatch):
    """Another workspace that writes into the MLflow of the first; one of its reports has the same key."""
    root = tmp_path / "neighbour"
    with monkeypatch.context() as patch:
        patch.setenv(URI_VARIABLE, f"sqlite:///{workspace / MLFLOW_FOLDER / 'mlflow.db'}")
        for key in ("theirs", "old"):
            track(root, key, "elsewhere")
    return root


def all_runs(workspace):
    client = connect(workspace)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    return client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL)


def reports_of(workspace, owner="here"):
    runs = all_runs(workspace)
    return {run.data.tags["emotion.report"] for run in runs if run.data.tags.get(WORKSPACE_TAG) == owner}


def test_what_no_report_and_no_version_needs_goes_with_its_files(workspace):
    artifacts = workspace / "mlflow" / "artifacts"
    files = len(list(artifacts.rglob("*.keras")))
    assert files == 3
    prune = MlflowPruner(workspace, "here")
    planned = prune(frozenset({"new"}), dry_run=True)
    assert reports_of(workspace) == {"old", "served", "new"}
    gone = [run for run in all_runs(workspace) if run.data.tags["emotion.report"] == "old"]
    done = prune(frozenset({"new"}), dry_run=False)
    assert reports_of(workspace) == {"served", "new"}
    assert (planned.removed, planned.kept) == (done.removed, done.kept)
    assert done.kept_for.keys() == {"a version of the model", "kept reports"}
    assert len(list(artifacts.rglob("*.keras"))) == 2
    assert not [run for run in gone if list(artifacts.rglob(run.info.run_id))]
    (workspace / "fetched").mkdir()
    network = ModelRegistry(workspace).fetch_network(1, workspace / "fetched")
    assert network.read_bytes() == (workspace / "model.keras").read_bytes()
    assert prune(frozenset({"new"}), dry_run=False).removed == 0


def test_runs_of_another_workspace_on_the_same_mlflow_stay(workspace, neighbour, monkeypatch):
    assert reports_of(workspace, "elsewhere") == {"theirs", "old"}
    MlflowPruner(workspace, "here")(frozenset({"new"}), dry_run=False)
    assert reports_of(workspace) == {"served", "new"}
    assert reports_of(workspace, "elsewhere") == {"theirs", "old"}
    monkeypatch.setenv(URI_VARIABLE, f"sqlite:///{workspace / MLFLOW_FOLDER / 'mlflow.db'}")
    assert MlflowPruner(neighbour, "elsewhere")(frozenset({"theirs"}), dry_run=False).removed == 3
    marked = {run.data.tags["emotion.report"] for run in all_runs(workspace) if run.info.lifecycle_stage == "deleted"}
    assert marked == {"old"}, "its own runs, and only marked: the MLflow is not its own"
    assert reports_of(workspace) == {"served", "new"}


def test_what_a_person_moved_to_the_trash_stays_there(workspace):
    client = connect(workspace)
    mine, trash = client.create_experiment("mine"), client.create_experiment("trash")
    run = client.create_run(mine).info.run_id
    model = client.create_logged_model(mine, name="mine").model_id
    (own,) = [one for one in all_runs(workspace) if one.info.run_name == "run new"]
    client.delete_run(run)
    client.delete_run(own.info.run_id)
    client.delete_logged_model(model)
    client.delete_experiment(trash)
    MlflowPruner(workspace, "here")(frozenset(), dry_run=False)
    for one in (run, own.info.run_id):
        client.restore_run(one)
        assert client.get_run(one).info.lifecycle_stage == "active"
    client.restore_experiment(trash)
    from mlflow.tracking._tracking_service.utils import _get_store

    assert _get_store(client.tracking_uri).get_logged_model(model, allow_deleted=True).name == "mine"


def test_a_run_without_a_tag_is_ours_only_if_the_workspace_recorded_it(workspace):
    client, runs = connect(workspace), all_runs(workspace)
    for run in runs:
        client.delete_tag(run.info.run_id, WORKSPACE_TAG)
    assert MlflowPruner(workspace, "here")(frozenset(), dry_run=False).removed == 0
    recorded = track(workspace, "recorded")
    names = (recorded.run_id, *(variant.run_id for variant in recorded.variants.values()))
    for run in names:
        client.delete_tag(run, WORKSPACE_TAG)
    stage = workspace / "tracked" / "0123456789abcdef"
    stage.mkdir(parents=True)
    (stage / "result.json").write_text(recorded.model_dump_json())
    damaged = workspace / "tracked" / "fedcba9876543210"
    damaged.mkdir()
    (damaged / "result.json").write_bytes(b"\xff")
    assert MlflowPruner(workspace, "here")(frozenset(), dry_run=False).removed == len(names)
    assert {run.info.run_id for run in all_runs(workspace)} == {run.info.run_id for run in runs}


def test_a_kill_between_files_and_database_is_completed(workspace, monkeypatch):
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SqlAlchemyStore, "_hard_delete_logged_model", killed)
        MlflowPruner(workspace, "here")(frozenset({"new"}), dry_run=False)
    assert MlflowPruner(workspace, "here")(frozenset({"new"}), dry_run=False).removed > 0
    assert reports_of(workspace) == {"served", "new"}


def test_files_outside_the_folder_of_artifacts_stay(tmp_path):
    outside = tmp_path / "outside"
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    connect(workspace).create_experiment(EXPERIMENT, artifact_location=outside.as_uri())
    track(workspace, "old")
    files = sorted(outside.rglob("*"))
    assert files
    assert MlflowPruner(workspace, "here")(frozenset(), dry_run=False).removed > 0
    assert sorted(outside.rglob("*")) == files


def test_where_there_is_no_mlflow_none_is_made(tmp_path):
    assert MlflowPruner(tmp_path, "here")(frozenset(), dry_run=False).removed == 0
    assert list(tmp_path.iterdir()) == []
