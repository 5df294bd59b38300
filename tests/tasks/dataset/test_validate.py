"""Judging reads the manifest once, and not at all where all is done."""

import hashlib
import os
import sys

import pandas as pd
import pytest
from prefect.logging import disable_run_logger

from data.base.errors import PipelineError
from data.base.parts import SPLITS
from data.manifest.table import write_manifest
from data.sources.source import DatasetSource
from data.workspace.store import Workspace
from expectations.counts import PROFILES, ExpectedCounts
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from tasks.dataset import correct_labels as relabel
from tasks.dataset import validate
from tasks.support.outcomes import record_of
from tests.support.image_tree import make_manifest
from tests.support.seed_format import CLASSES

SOURCE = DatasetSource(kind="folder", location="/images")
POLICIES = RulePolicies(enough_images="off", splits_alike="off")


@pytest.fixture
def judge(tmp_path, monkeypatch):
    """Judge one stored manifest; returns the data set and how often the manifest was read."""
    content = [
        (split, label, f"{split}{label}{number}")
        for split in ("train", "validation", "test")
        for label in ("happy", "neutral", "sad", "surprise")
        for number in range(4)
    ]
    workspace = Workspace(tmp_path)
    frame = make_manifest(content)
    manifest = workspace.produce("manifests", {}, lambda out: write_manifest(frame, out / "manifest.parquet"))
    read, readings = validate.read_manifest, []

    def run(corrections=None, policies=POLICIES, limits=DataLimits()):
        monkeypatch.setattr(validate, "read_manifest", lambda path: readings.append(path) or read(path))
        readings.clear()
        with disable_run_logger():
            judged = manifest
            if corrections:
                judged = record_of(relabel.correct_labels.fn(manifest, corrections, workspace))
            dataset = record_of(validate.validate_data.fn(judged, SOURCE, policies, 7, workspace, limits))
        return dataset, len(readings)

    return run, workspace


def test_a_data_set_has_one_key_wherever_its_archive_is(judge, monkeypatch):
    """A path holds on one host: with it in the key, hosts that share a store would do all later work twice."""
    run, _ = judge
    first, _ = run()
    monkeypatch.setattr(sys.modules[__name__], "SOURCE", DatasetSource(kind="folder", location="/elsewhere/images"))
    second, readings = run()
    assert (second.key, readings) == (first.key, 0)
    assert not any("/elsewhere" in path.read_text() for path in second.path.glob("*.[jm][sd]*"))
    assert validate.load_summary(second).source == "images"


def test_a_data_set_is_judged_from_one_reading(judge):
    run, workspace = judge
    dataset, readings = run()
    assert readings == 1
    assert sum(sum(part.values()) for part in validate.load_summary(dataset).counts_used.values()) == 48
    assert validate.load_quarantine(dataset).empty
    assert (validate.find_data_docs(dataset, workspace) / "index.html").is_file()
    assert [path.name for path in (workspace.root / "data_docs").glob("[!.]*")] == [dataset.key]
    assert run()[1] == 0


def test_pages_that_were_pruned_are_written_again(judge):
    run, workspace = judge
    dataset, _ = run()
    pages = validate.find_data_docs(dataset, workspace)
    pages.rename(workspace.root / "elsewhere")
    again, readings = run()
    assert again.cached and readings == 1
    assert (pages / "index.html").is_file()


def test_a_run_goes_on_without_pages_that_cannot_be_written(judge, monkeypatch):
    def fail(*_):
        raise OSError("no space left")

    run, workspace = judge
    monkeypatch.setattr(validate, "write_data_docs", fail)
    dataset, _ = run()
    assert validate.load_summary(dataset).counts_used
    assert not validate.find_data_docs(dataset, workspace).exists()


def test_pages_that_are_used_again_are_not_pruned(judge, monkeypatch):
    run, workspace = judge
    monkeypatch.setattr(validate, "KEPT_DATA_DOCS", 2)
    first, _ = run(limits=DataLimits(minimum_train_images=1))
    second, _ = run(limits=DataLimits(minimum_train_images=2))
    for age, dataset in enumerate((second, first)):
        os.utime(validate.find_data_docs(dataset, workspace), (1_000_000 - age, 1_000_000 - age))
    run(limits=DataLimits(minimum_train_images=1))
    third, _ = run(limits=DataLimits(minimum_train_images=3))
    kept = {path.name for path in (workspace.root / "data_docs").glob("[!.]*")}
    assert kept == {first.key, third.key}


def test_limits_are_the_run_s(judge):
    run, _ = judge
    strict = POLICIES.model_copy(update={"enough_images": "fail"})
    assert not validate.load_summary(run(policies=strict)[0]).counts_used
    few = DataLimits(minimum_train_images=4, minimum_validation_images=4, minimum_test_images=4)
    assert validate.load_summary(run(policies=strict, limits=few)[0]).counts_used


def test_corrections_are_no_fault_of_the_publication(judge, tmp_path, monkeypatch):
    run, _ = judge
    stated = {split: dict.fromkeys(CLASSES, 4) for split in SPLITS}
    monkeypatch.setitem(PROFILES, "notebook", ExpectedCounts(name="a small set", images=stated))
    digests = [hashlib.sha256(shown.encode()).hexdigest() for shown in ("trainhappy0", "trainsad1")]
    corrections = tmp_path / "relabel.csv"
    corrections.write_text(
        f"image_id,new_label,pixel_sha256\ntrain/happy/0.jpg,sad,{digests[0]}\ntrain/sad/9.jpg,remove,{digests[1]}\n"
    )
    dataset, _ = run(corrections, POLICIES.model_copy(update={"expected_counts": "fail"}))
    summary = validate.load_summary(dataset)
    [finding] = [finding for finding in summary.before.findings if finding.rule == "expected_counts"]
    assert finding.success and summary.counts_used


def test_corrected_labels_are_used_and_what_was_removed_is_listed(judge, tmp_path):
    run, _ = judge
    plain, _ = run()
    rows = {"train/happy/0.jpg": ("trainhappy0", "sad"), "train/sad/9.jpg": ("trainsad1", "remove")}
    lines = [f"{name},{label},{hashlib.sha256(shown.encode()).hexdigest()}" for name, (shown, label) in rows.items()]
    corrections = tmp_path / "relabel.csv"
    corrections.write_text("\n".join(["image_id,new_label,pixel_sha256", *lines]))
    dataset, _ = run(corrections)
    assert dataset.key != plain.key
    labels = pd.read_parquet(dataset.path / "manifest.parquet").set_index("path")["label"]
    assert labels["train/happy/0.jpg"] == "sad" and "train/sad/9.jpg" not in labels.index
    summary = validate.load_summary(dataset)
    assert summary.relabel and (summary.relabel.relabelled, summary.relabel.removed) == (1, 1)
    assert [(count.reason, count.images) for count in summary.quarantine] == [("relabel_removed", 1)]
    assert validate.load_quarantine(dataset)["path"].tolist() == ["train/sad/9.jpg"]


def test_corrections_that_are_not_there_are_named(judge, tmp_path):
    run, _ = judge
    with pytest.raises(PipelineError, match=r"nowhere\.csv is not there; expected a relabel\.csv"):
        run(tmp_path / "nowhere.csv")
