"""Runs of reports that left the workspace leave MLflow too, files and all; what a version came from stays."""

import pytest

from data.workspace.mark import claim_root
from models.registry.champion import ModelRegistry
from models.registry.connection import EXPERIMENT, connect
from models.registry.prune import MlflowPruner
from models.registry.tags import version_tags
from models.registry.tracking import TrackSpec, track_report
from tests.support.registry_factory import make_report
from tests.support.tiny_network import save_tiny_network


@pytest.fixture
def workspace(tmp_path):
    claim_root(tmp_path)
    save_tiny_network(tmp_path / "model.keras")
    for key in ("old", "served", "new"):
        report = make_report(tmp_path, key, tmp_path / "model.keras")
        tracked = track_report(TrackSpec(report=report, workspace=tmp_path))
        if key == "served":
            ModelRegistry(tmp_path).register(tracked.variants["compact"], version_tags("v", "compact", key))
    return tmp_path


def reports_of(workspace):
    client = connect(workspace)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    return {run.data.tags["emotion.report"] for run in client.search_runs([experiment.experiment_id])}


def test_what_no_report_and_no_version_needs_goes_with_its_files(workspace):
    files = len(list((workspace / "mlflow" / "artifacts").rglob("*.keras")))
    assert files == 3
    prune = MlflowPruner(workspace)
    planned = prune(frozenset({"new"}), dry_run=True)
    assert reports_of(workspace) == {"old", "served", "new"}
    done = prune(frozenset({"new"}), dry_run=False)
    assert reports_of(workspace) == {"served", "new"}
    assert (planned.removed, planned.kept) == (done.removed, done.kept)
    assert done.kept_for.keys() == {"a version of the model", "kept reports"}
    assert len(list((workspace / "mlflow" / "artifacts").rglob("*.keras"))) == 2
    (workspace / "fetched").mkdir()
    network = ModelRegistry(workspace).fetch_network(1, workspace / "fetched")
    assert network.read_bytes() == (workspace / "model.keras").read_bytes()
    assert prune(frozenset({"new"}), dry_run=False).removed == 0


def test_where_there_is_no_mlflow_none_is_made(tmp_path):
    assert MlflowPruner(tmp_path)(frozenset(), dry_run=False).removed == 0
    assert list(tmp_path.iterdir()) == []
