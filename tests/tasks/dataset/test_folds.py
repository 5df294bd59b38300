"""A data set with a fold held out can be used like the judged data set that it comes from."""

import pytest
from prefect.logging import disable_run_logger

from data.manifest.table import read_manifest, write_manifest
from data.workspace.store import Workspace
from tasks.dataset.folds import hold_out_fold
from tasks.dataset.validate import load_summary
from tasks.support.outcomes import record_of
from tests.support.image_tree import make_manifest
from tests.support.results_factory import make_data
from tests.support.seed_format import CLASSES


@pytest.fixture
def dataset(tmp_path):
    rows = [("train", label, f"{label} {number}") for label in CLASSES for number in range(6)]
    manifest = make_manifest([*rows, ("validation", "sad", "never trained on")])
    workspace = Workspace(tmp_path)

    def write(out):
        write_manifest(manifest.assign(part=manifest["split"]), out / "manifest.parquet")
        (out / "summary.json").write_text(make_data().model_dump_json())

    return workspace.produce("datasets", {}, write), workspace


def test_the_folds_share_the_train_part_and_keep_the_summary_that_the_views_need(dataset):
    judged, workspace = dataset
    with disable_run_logger():
        folds = [record_of(hold_out_fold.fn(judged, fold, 3, 7, workspace)) for fold in (1, 2, 3)]
    parts = [read_manifest(fold.path / "manifest.parquet")["part"] for fold in folds]
    assert [(part == "test").sum() for part in parts] == [8, 8, 8]
    assert sum((part == "test").astype(int) for part in parts).tolist() == [1] * 24 + [0]
    assert all(load_summary(fold) == load_summary(judged) for fold in folds)
