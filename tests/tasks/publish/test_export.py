"""Exports of a tiny training by the real child commands, and what a parent makes of faults."""

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.base.data_format import SEED_FORMAT
from data.base.errors import ChildKilled, PipelineError
from data.manifest.table import COLUMN_TYPES
from data.workspace.layout import DATASETS_STAGE, REPORTS_STAGE, SUMMARY_NAME
from data.workspace.store import Workspace
from models.evaluation.predictions import read_predictions
from models.export import jobs
from models.export.bundle import read_bundle, require_format
from models.export.find import find_export
from models.export.litert import read_facts
from models.export.reported import Reported
from models.registry.champion import ModelRegistry
from tasks.publish import export
from tasks.publish.export import export_version, make_export, write_export
from tasks.support.child_processes import training_children
from tests.support.export_factory import make_training, make_vote
from tests.support.registry_factory import make_registry
from tests.support.results_factory import make_data


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def training(workspace):
    return make_training(workspace)


@pytest.fixture(scope="module")
def exported(workspace, training):
    with training_children() as children:
        return make_export(training.key, workspace, children)


def test_every_format_answers_as_the_network_does(exported):
    formats = {one.format: one for one in read_bundle(exported.path).formats}
    assert tuple(formats) == jobs.FORMATS
    for name, one in formats.items():
        assert one.offered, one.reason
        assert one.check.images == 40
        assert 0 < one.single_milliseconds < 1000 and 0 < one.start_seconds < 600
        assert one.bytes > 1000
        if name in jobs.EXACT_FORMATS:
            assert one.check.largest_difference < 1e-5
    assert formats["litert_int8"].check.largest_difference > 1e-5, "otherwise it is not int8"
    assert formats["litert_int8"].check.p_value is not None


def test_the_record_has_what_an_answer_needs(exported, training):
    bundle = read_bundle(exported.path)
    result = json.loads((training.path / "result.json").read_text())
    assert bundle.variant_key == training.key
    assert bundle.temperature == result["calibration"]["temperature"]
    assert bundle.accuracy == result["parts"]["validation"]["accuracy"]
    assert bundle.recalls == tuple(one["recall"] for one in result["parts"]["validation"]["per_class"])
    assert find_export(exported.path.parents[1], training.key) == exported.path


def test_no_image_stays(exported):
    names = {path.name for path in exported.path.iterdir()}
    assert names == {"_complete.json", "bundle.json", "README.md", *jobs.PATHS.values()}


def test_the_files_name_labels_temperature_and_threshold(exported):
    import onnx

    bundle = read_bundle(exported.path)
    props = {one.key: one.value for one in onnx.load(exported.path / "network.onnx").metadata_props}
    extra = json.loads((exported.path / "saved_model" / "assets.extra" / "metadata.json").read_text())
    for facts in (
        props,
        extra,
        read_facts(exported.path / "network.tflite"),
        read_facts(exported.path / "network_int8.tflite"),
    ):
        assert json.loads(facts["labels"]) == list(bundle.data_format.labels)
        assert json.loads(facts["temperature"]) == bundle.temperature
        assert json.loads(facts["threshold"]) == bundle.threshold
        assert [json.loads(facts[name]) for name in ("height", "width", "channels")] == [48, 48, 1]


def snippets(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (path / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("place", range(len(jobs.FORMATS)), ids=jobs.FORMATS)
def test_the_code_of_the_readme_runs_for_each_format(exported, place):
    code, bundle = snippets(exported.path)[place], read_bundle(exported.path)
    done = subprocess.run([sys.executable, "-c", code], cwd=exported.path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    shown = dict(line.split() for line in done.stdout.strip().splitlines()[-4:])
    assert list(shown) == list(bundle.data_format.labels)
    assert sum(map(float, shown.values())) == pytest.approx(1, abs=0.01)
    assert 13 <= len(code.strip().splitlines()) <= 22


def test_the_same_training_is_exported_once(workspace, training, exported):
    with training_children() as children:
        again = make_export(training.key, workspace, children)
    assert again.cached and again.path == exported.path


def test_a_version_gets_its_export_and_the_registry_says_so(workspace, training, exported):
    make_registry(workspace.root, 1)
    registry = ModelRegistry(workspace.root)
    registry.describe(1, {"emotion.variant": training.key})
    with training_children() as children:
        with pytest.raises(PipelineError, match="got no champion"):
            export_version(0, workspace, children)
        assert export_version(1, workspace, children) == exported.path
    tags = registry.show(1).tags
    assert tags["emotion.export"] == exported.key
    assert tags["emotion.export.onnx"].startswith("size ") and "offered yes" in tags["emotion.export.onnx"]


@pytest.mark.slow
def test_a_vote_is_exported_as_one_network(workspace, training):
    vote = make_vote(workspace, training)
    with training_children() as children:
        path = make_export(vote.key, workspace, children).path
    bundle = read_bundle(path)
    assert (bundle.variant, [one.format for one in bundle.formats if one.offered]) == ("ensemble", list(jobs.FORMATS))
    assert require_format(path, "onnx").is_file()


class FakeChildren:
    """Writes what the children would, without TensorFlow.

    Args:
        source: directory of the training.
        shift: added to the first probability by every format.
        fails: format -> error of its check.
    """

    def __init__(self, source: Path, shift: float = 0.0, fails: dict[str, Exception] | None = None) -> None:
        self.source, self.shift, self.fails = source, shift, fails or {}

    def is_stopping(self):
        return False

    def run(self, module, work, log, on_event, threads=1):
        network = read_predictions(self.source, "validation")
        if module == jobs.WRITE:
            spec = jobs.WriteSpec.model_validate_json((work / "spec.json").read_bytes())
            network.to_parquet(work / "predictions.parquet", index=False)
            (work / "faults.json").write_text(json.dumps({"onnx": "ValueError: no such operation"}))
            for name, path in jobs.PATHS.items():
                if name != "onnx":
                    (spec.out / path).write_bytes(b"network")
            return
        spec = jobs.CheckSpec.model_validate_json((work / "spec.json").read_bytes())
        if spec.format in self.fails:
            raise self.fails[spec.format]
        answers = network[[f"probability_{number}" for number in range(4)]].to_numpy(np.float32)
        np.save(work / "answers.npy", answers + np.float32([self.shift, 0, 0, 0]))
        (work / "times.json").write_text(jobs.Times(start_seconds=1, single_milliseconds=1).model_dump_json())


def export_with(children, training, tmp_path):
    write_export(export.Training(training.path, tmp_path / "records"), tmp_path, children)
    return {one.format: one for one in read_bundle(tmp_path).formats}


def test_a_format_that_cannot_be_written_or_run_is_not_offered(training, tmp_path):
    children = FakeChildren(training.path, fails={"litert": PipelineError("no package ai_edge_litert")})
    formats = export_with(children, training, tmp_path)
    assert formats["onnx"].reason == "it could not be written: ValueError: no such operation"
    assert formats["litert"].reason == "it could not be run: no package ai_edge_litert"
    assert [name for name, one in formats.items() if one.offered] == ["saved_model", "litert_int8"]
    text = (tmp_path / "README.md").read_text()
    assert "## SavedModel" in text and "## ONNX" not in text and "no such operation" in text


def test_a_format_that_differs_is_not_offered(training, tmp_path):
    formats = export_with(FakeChildren(training.path, shift=0.01), training, tmp_path)
    assert "differs by 0.01" in formats["saved_model"].reason
    assert not formats["litert"].offered


def test_a_killed_check_fails_the_export(training, tmp_path):
    children = FakeChildren(training.path, fails={"litert": ChildKilled("SIGKILL")})
    with pytest.raises(ChildKilled):
        export_with(children, training, tmp_path)


def vote_for_the_next(training, out: Path) -> None:
    """Write a data set in whose validation part all people see the next class in three of four images."""
    frame = read_predictions(training.path, "validation")
    votes = np.zeros((len(frame), 7))
    votes[np.arange(len(frame)), (frame["label"] + 1) % 4] = 10
    rows = [row.tolist() if place % 4 else None for place, row in enumerate(votes)]
    labels = [SEED_FORMAT.labels[label] for label in frame["label"]]
    known = {"path": frame["image_id"], "label": labels, "part": frame["part"], "votes": rows}
    others = {name: "" if kind == "str" else 0 for name, kind in COLUMN_TYPES.items() if name not in known}
    manifest = pd.DataFrame(known).assign(**others)
    manifest.to_parquet(out / "manifest.parquet", index=False)
    (out / SUMMARY_NAME).write_text(make_data().model_dump_json())


@pytest.fixture
def reported(workspace, training) -> Reported:
    """Write a report that judges the training by the crowd, with its data set."""
    dataset = workspace.produce(DATASETS_STAGE, {"voted": 1}, partial(vote_for_the_next, training))
    named = {"variants": {"tiny": ["trained", "", 2, training.key]}, "dataset": dataset.key, "truth": "crowd"}
    workspace.produce(REPORTS_STAGE, named, lambda out: (out / "results.json").write_text("{}"))
    return Reported("crowd", dataset.key)


def test_an_export_is_judged_by_the_labels_of_its_report(workspace, training, exported, reported):
    made = make_export(training.key, workspace, FakeChildren(training.path), reported)
    assert made.path != exported.path
    bundle, frame = read_bundle(made.path), read_predictions(training.path, "validation")
    asked = np.arange(len(frame)) % 4 > 0
    right = frame.filter(like="probability_").to_numpy().argmax(axis=1) == (frame["label"] + 1) % 4
    assert (bundle.truth, bundle.validation_images) == ("crowd", 30)
    assert bundle.accuracy == bundle.find("litert").check.accuracy == right[asked].mean() != right.mean()
    assert bundle.find("litert").check.images == 40
    assert "judged by the choice of the crowd" in (made.path / "README.md").read_text()
    assert export_version_of(training, workspace) == made.path


def export_version_of(training, workspace):
    """Export a version of this training by what the reports of the workspace say."""
    registry = ModelRegistry(workspace.root)
    if not registry.list_models():
        make_registry(workspace.root, 1)
    registry.describe(1, {"emotion.variant": training.key})
    return export_version(1, workspace, FakeChildren(training.path))


def test_labels_that_are_gone_are_named(workspace, training):
    with pytest.raises(PipelineError, match="got no stage datasets/0000"):
        make_export(training.key, workspace, FakeChildren(training.path), Reported("crowd", "0" * 16))


def test_a_training_without_its_images_is_refused(tmp_path):
    workspace = Workspace(tmp_path)
    with training_children() as children, pytest.raises(PipelineError, match="expected the training with its images"):
        make_export("0" * 16, workspace, children)
    assert find_export(tmp_path, "0" * 16) is None
