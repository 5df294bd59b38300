"""A workspace that is moved or copied keeps its champion and its MLflow."""

import shutil

import pytest

from data.base.errors import TransientError
from data.workspace.mark import claim_root
from models.registry.champion import ModelRegistry
from models.registry.connection import EXPERIMENT, connect
from models.registry.prune import MlflowPruner
from models.registry.relocation import follow_move
from models.registry.tags import version_tags
from models.registry.tracking import TrackSpec, track_report
from tests.support.consumer import run_consumer
from tests.support.registry_factory import make_report
from tests.support.tiny_network import save_tiny_network


def track(workspace, key):
    report = make_report(workspace, key, workspace / "model.keras")
    return track_report(TrackSpec(report=report, workspace=workspace, workspace_id="here"))


def register(workspace, tracked, key):
    tags = version_tags(key, "compact", key, "here")
    return ModelRegistry(workspace).register(tracked.variants["compact"], tags)


def paths_in_mlflow(workspace):
    client = connect(workspace)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs = client.search_runs([experiment.experiment_id])
    models = client.search_logged_models([experiment.experiment_id])
    versions = client.search_model_versions("name = 'emotion'")
    return [
        experiment.artifact_location,
        *(run.info.artifact_uri for run in runs),
        *(model.artifact_location for model in models),
        *(version.source for version in versions),
    ]


@pytest.fixture
def former(tmp_path):
    root = tmp_path / "former"
    claim_root(root)
    save_tiny_network(root / "model.keras")
    ModelRegistry(root).move_champion(register(root, track(root, "first"), "first"), "test", "the first")
    return root


@pytest.mark.parametrize("name", ["later", "my faces é 100% #1"])
def test_a_champion_loads_and_tracking_goes_on_after_a_move(former, tmp_path, name):
    tracked = track(former, "second")
    root = former.rename(tmp_path / name)
    (tmp_path / "fetched").mkdir()
    network = ModelRegistry(root).fetch_network(1, tmp_path / "fetched")
    assert network.read_bytes() == (root / "model.keras").read_bytes()
    artifacts = (root / "mlflow" / "artifacts").as_uri()
    assert len(paths_in_mlflow(root)) > 5
    assert all(path.startswith(artifacts) for path in paths_in_mlflow(root))
    register(root, tracked, "second")
    third = track(root, "third")
    assert register(root, third, "third") == 3
    assert all(path.startswith(artifacts) for path in paths_in_mlflow(root))
    assert not former.exists(), "nothing is written to the former place"
    assert len(list((root / "mlflow" / "artifacts").rglob("*.keras"))) == 3
    assert track_report(TrackSpec(report=root / "reports" / "first", workspace=root, workspace_id="here"))
    assert len(paths_in_mlflow(root)) == len(set(paths_in_mlflow(root))) + 3, "each version has the path of its model"


def test_a_consumer_loads_the_champion_from_the_new_place(former, tmp_path):
    root = former.rename(tmp_path / "later")
    assert ModelRegistry(root).champion() == 1
    script = f"""
        import json, mlflow
        mlflow.set_tracking_uri("sqlite:///{root}/mlflow/mlflow.db")
        model = mlflow.pyfunc.load_model("models:/emotion@champion")
        print(json.dumps(list(model.predict(model.input_example).shape)))
    """
    assert run_consumer(script, tmp_path) == [1, 4]


def test_a_copy_does_not_touch_the_original(former, tmp_path):
    copy = shutil.copytree(former, tmp_path / "copy")
    before = sorted(path for path in former.rglob("*") if path.is_file())
    track(copy, "second")
    MlflowPruner(copy, "here")(frozenset(), dry_run=False)
    assert sorted(path for path in former.rglob("*") if path.is_file()) == before
    place = (former / "mlflow" / "artifacts").as_uri()
    assert all(path.startswith(place) for path in paths_in_mlflow(former))


def test_a_place_that_a_person_chose_stays(tmp_path):
    chosen = (tmp_path / "elsewhere").as_uri()
    root = tmp_path / "workspace"
    root.mkdir()
    connect(root).create_experiment(EXPERIMENT, artifact_location=chosen)
    later = root.rename(tmp_path / "later")
    assert connect(later).get_experiment_by_name(EXPERIMENT).artifact_location == chosen


def test_a_database_that_cannot_be_read_is_one_clear_error_and_stays(tmp_path):
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "mlflow.db").write_bytes(b"not a database")
    follow_move(tmp_path, EXPERIMENT)
    with pytest.raises(TransientError, match="file is not a database"):
        connect(tmp_path)
    assert (tmp_path / "mlflow" / "mlflow.db").read_bytes() == b"not a database"
