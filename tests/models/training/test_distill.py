"""The labelling child: a trained network's answers, view by view, and what getting them has cost."""

import os
import signal

import keras
import numpy as np
import pytest

from data.base.data_format import SEED_FORMAT
from data.base.errors import ChildKilled, PipelineError
from data.records.training import VariantResult
from data.views.tfrecords import read_part
from models.catalog.train_config import TrainConfig
from models.catalog.variants import find_variant
from models.jobs.specs import TeachSpec
from models.networks.building_blocks import make_pixel_input
from models.networks.load import load_builder
from models.training.distill import has_time, make_labeller
from models.training.ensemble import EnsembleMember, build_ensemble
from models.training.outputs import vote_at_test_time
from models.training.soft_labels import SoftLabels, SoftLabelsRecord
from tasks.support.child_processes import training_children
from tests.support.tiny_views import IMAGES, write_tiny_views

VIEWS = 3
RESULT = VariantResult(
    name="ensemble", description="", status="trained", core_seconds=50, wall_seconds=30, peak_memory_bytes=10**12
)


def save_teacher(directory, network):
    directory.mkdir()
    network.save(directory / "model.keras")
    (directory / "result.json").write_text(RESULT.model_dump_json())
    return directory


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    root = tmp_path_factory.mktemp("teach")
    keras.utils.set_random_seed(4)
    build = load_builder(find_variant("compact").builder)
    teacher = save_teacher(
        root / "teacher",
        build_ensemble([build(SEED_FORMAT), build(SEED_FORMAT)], [EnsembleMember(1, 0.8), EnsembleMember(2, 1.5)]),
    )
    return TeachSpec(teacher=teacher, records=write_tiny_views(root / "records", VIEWS), views=VIEWS, threads=1)


def run_teach(out, kill_after_view=None):
    events = []

    def on_event(event):
        events.append(event)
        if event.event == "labelled" and event.view == kill_after_view:
            os.kill(events[0].pid, signal.SIGKILL)

    with training_children() as children:
        children.run("models.training.distill", out, out / "child.log", on_event)
    return [event.view for event in events if event.event == "labelled"]


def test_a_killed_child_goes_on_and_leaves_the_answers_in_written_order(spec, tmp_path):
    (tmp_path / "spec.json").write_text(spec.model_dump_json())
    with pytest.raises(ChildKilled):
        run_teach(tmp_path, kill_after_view=0)
    before = SoftLabelsRecord.load(tmp_path)
    labelled = run_teach(tmp_path)
    assert 0 not in labelled and labelled[-1] == VIEWS - 1
    network = keras.saving.load_model(spec.teacher / "model.keras")
    soft = SoftLabels(tmp_path)
    assert soft.views == VIEWS
    for view in range(VIEWS):
        images = np.concatenate([images for images, _ in read_part(spec.records, "train", view=view)])
        expected = network.predict_on_batch(images)
        labels = soft.of_view(view, np.arange(IMAGES["train"]))
        np.testing.assert_allclose(labels, expected, atol=1e-5)
        assert labels.dtype == np.float32
    after = soft.record
    assert after.core_seconds > before.core_seconds > 0 and after.wall_seconds > before.wall_seconds > 0
    assert (after.teacher, after.teacher_core_seconds, after.teacher_wall_seconds) == ("ensemble", 50, 30)
    assert after.peak_memory_bytes == 10**12


@pytest.mark.parametrize(
    ("views", "most_seconds", "expected"),
    [(0, 0.1, True), (1, 19, False), (1, 20, True), (4, 12.5, True), (9, 0, True)],
)
def test_views_are_labelled_as_far_as_the_time_goes_and_one_at_least(views, most_seconds, expected):
    assert has_time(SoftLabelsRecord(teacher="residual", views=views, wall_seconds=10), most_seconds) is expected


def test_a_teacher_without_time_labels_the_original_view_alone(spec, tmp_path):
    (tmp_path / "spec.json").write_text(spec.model_copy(update={"most_seconds": 0.01}).model_dump_json())
    assert run_teach(tmp_path) == [0]
    assert SoftLabels(tmp_path).views == 1


def test_a_teacher_whose_answers_are_no_numbers_is_refused(spec, tmp_path):
    pixels = make_pixel_input(SEED_FORMAT.shape)
    answers = keras.layers.Dense(4, kernel_initializer=keras.initializers.Constant(float("nan")))
    network = keras.Model(pixels, answers(keras.layers.Flatten()(pixels)))
    label = make_labeller(spec.model_copy(update={"teacher": save_teacher(tmp_path / "nan", network)}))
    with pytest.raises(PipelineError, match="for view 0 that are not numbers"):
        label(0)


def test_a_teacher_that_shifts_images_labels_them_as_they_lie(spec, tmp_path):
    network = load_builder(find_variant("compact").builder)(SEED_FORMAT)
    shifting = vote_at_test_time(network, TrainConfig(test_time_flip=True, test_time_shift_pixels=2))
    teacher = save_teacher(tmp_path / "vote", build_ensemble([shifting], [EnsembleMember(1, 1.0)]))
    labels = make_labeller(spec.model_copy(update={"teacher": teacher}))(0)
    images = np.concatenate([images for images, _ in read_part(spec.records, "train")])
    expected = (network.predict_on_batch(images) + network.predict_on_batch(images[:, :, ::-1])) / 2
    np.testing.assert_allclose(labels, expected, atol=1e-5)
    assert np.abs(shifting.predict_on_batch(images) - labels).max() > 1e-3
