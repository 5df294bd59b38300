"""The training child, as a run starts it: results, resume after a kill, time budget."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from contextlib import suppress
from importlib.metadata import version

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy.stats import beta

from data.base.errors import ChildKilled
from data.base.paths import PROJECT_ROOT
from data.records.training import VariantResult
from data.views.choices import write_votes
from models.catalog.train_config import TrainConfig
from models.evaluation.calibration import fit_temperature
from models.evaluation.predictions import correctness_of, probabilities_of
from models.jobs.specs import FitSpec
from models.training.batches import mix_batches
from models.training.features import FeatureStore, split_frozen
from tasks.support.child_processes import training_children
from tests.support.soft_labels_factory import write_soft_labels
from tests.support.tiny_views import IMAGES, write_tiny_views

EPOCHS = 3
FROZEN = "tests.support.tiny_transfer:build_frozen"


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    return write_tiny_views(tmp_path_factory.mktemp("views"))


def write_spec(
    run_dir,
    views,
    builder="models.networks.compact:build_compact",
    features=None,
    soft_labels=None,
    short_views=None,
    **train,
):
    run_dir.mkdir(parents=True, exist_ok=True)
    config = TrainConfig(
        **{
            "epochs": EPOCHS,
            "batch_size": 32,
            "optimizer": "adam",
            "learning_rate": 1e-3,
            "precision": "float32",
            **train,
        }
    )
    spec = FitSpec(
        name="compact",
        description="the smallest",
        builder=builder,
        views=views,
        short_views=short_views,
        features=features,
        soft_labels=soft_labels,
        train=config,
        seed=7,
        threads=1,
    )
    (run_dir / "spec.json").write_text(spec.model_dump_json())


def run_fit(run_dir, kill_after_epoch=0, kill_after_seconds=0.0):
    """Run the child to its end, or kill it after an epoch or some seconds from its start; returns its events."""
    events = []
    timer = threading.Timer(kill_after_seconds, lambda: os.kill(events[0].pid, signal.SIGKILL))

    def on_event(event):
        events.append(event)
        if event.event == "started" and kill_after_seconds:
            timer.start()
        if event.event == "epoch" and event.epoch == kill_after_epoch:
            os.kill(events[0].pid, signal.SIGKILL)

    try:
        with training_children() as children:
            children.run("models.training.fit", run_dir, run_dir / "child.log", on_event)
    finally:
        timer.cancel()
    return events


def figures_of(result):
    """Return what a stop must not change: every epoch's figures, to the last digit, and what followed from them."""
    changing = {"seconds", "core_seconds", "resumed"}
    epochs = [record.model_dump(exclude=changing) for record in result.epochs]
    return epochs, result.best_epoch, result.stopped_because, result.parts


def load_result(run_dir):
    return VariantResult.model_validate_json((run_dir / "result.json").read_text())


@pytest.fixture(scope="module")
def trained(tmp_path_factory, views):
    run_dir = tmp_path_factory.mktemp("trained")
    write_spec(run_dir, views)
    return run_dir, run_fit(run_dir)


def test_events_tell_the_story(trained):
    _, events = trained
    names = [event.event for event in events if event.event != "progress"]
    assert names == ["started", "planned", *["epoch"] * EPOCHS, "evaluating", "done"]
    fractions = [event.fraction for event in events if event.event == "epoch"]
    assert fractions == pytest.approx([1 / 3, 2 / 3, 1])


def test_results_are_complete_and_agree_with_the_predictions(trained):
    run_dir, _ = trained
    result = load_result(run_dir)
    predictions = pd.read_parquet(run_dir / "predictions.parquet")
    assert [record.view for record in result.epochs] == [0, 1, 0]
    assert {part: metrics.images for part, metrics in result.parts.items()} == {
        part: count for part, count in IMAGES.items() if part != "train"
    }
    validation = predictions[predictions["part"] == "validation"]
    probabilities = validation[[f"probability_{i}" for i in range(4)]].to_numpy()
    accuracy = (probabilities.argmax(axis=1) == validation["label"]).mean()
    assert result.parts["validation"].accuracy == pytest.approx(accuracy)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert result.peak_memory_bytes > 100e6
    assert result.core_seconds > 0
    assert result.made_with["tensorflow"] == version("tensorflow")
    assert {"code", "processor", "gpus"} <= set(result.made_with)
    assert result.layers and result.parameters_total >= result.parameters_trainable > 0


def test_the_saved_network_reproduces_the_predictions_in_another_process(trained, views, tmp_path):
    run_dir, _ = trained
    script = (
        "import sys, keras, numpy as np, models.networks.layers\n"
        "from pathlib import Path\n"
        "from data.views.tfrecords import read_part\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "assert not model.compiled\n"
        "batches = read_part(Path(sys.argv[2]), 'validation', batch_size=64)\n"
        "np.save(sys.argv[3], np.concatenate([model.predict_on_batch(pixels) for pixels, _ in batches]))\n"
    )
    out = tmp_path / "again.npy"
    arguments = [sys.executable, "-c", script, run_dir / "model.keras", views, out]
    subprocess.run(arguments, check=True, cwd=PROJECT_ROOT, timeout=120)
    predictions = pd.read_parquet(run_dir / "predictions.parquet").query("part == 'validation'")
    stored = predictions[[f"probability_{i}" for i in range(4)]].to_numpy()
    assert np.load(out) == pytest.approx(stored, abs=1e-6)


@pytest.mark.slow
def test_a_budget_of_few_epochs_takes_the_views_that_suit_them(views, tmp_path):
    short = write_tiny_views(tmp_path / "short", views=1, seed=5)
    budget = {"epochs": 2, "time_budget_minutes": 5}
    for name, of_name, spare in (("long", views, None), ("few", views, short), ("short", short, None)):
        write_spec(tmp_path / name, of_name, short_views=spare, **budget)
        run_fit(tmp_path / name)
    long, few, alone = (load_result(tmp_path / name) for name in ("long", "few", "short"))
    assert [result.plan.short_views for result in (long, few, alone)] == [False, True, False]
    assert [record.view for record in long.epochs] == [0, 1] and [record.view for record in few.epochs] == [0, 0]
    assert [r.loss for r in few.epochs] == [r.loss for r in alone.epochs] != [r.loss for r in long.epochs]


def test_a_network_trained_in_bfloat16_is_saved_in_float32(views, tmp_path):
    write_spec(tmp_path, views, epochs=1, precision="mixed_bfloat16")
    run_fit(tmp_path)
    assert load_result(tmp_path).plan.precision == "mixed_bfloat16"
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert b"bfloat16" not in archive.read("config.json")


@pytest.mark.slow  # the shifted images of the next test are mirrored too
def test_a_network_that_looks_at_the_mirror_image_too(trained, views, tmp_path):
    plain_dir, _ = trained
    write_spec(tmp_path, views, test_time_flip=True)
    run_fit(tmp_path)
    plain, voting = load_result(plain_dir), load_result(tmp_path)
    assert voting.multiply_adds == 2 * plain.multiply_adds
    assert voting.parameters_total == plain.parameters_total
    assert voting.layers == plain.layers
    images = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1), dtype=np.uint8)
    network = keras.saving.load_model(plain_dir / "model.keras")
    expected = (network.predict_on_batch(images) + network.predict_on_batch(images[:, :, ::-1])) / 2
    answers = keras.saving.load_model(tmp_path / "model.keras").predict_on_batch(images)
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def test_a_network_that_looks_at_shifted_images_too(trained, views, tmp_path):
    plain_dir, _ = trained
    write_spec(tmp_path, views, test_time_flip=True, test_time_shift_pixels=2)
    run_fit(tmp_path)
    assert load_result(tmp_path).multiply_adds == 4 * load_result(plain_dir).multiply_adds
    images = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1), dtype=np.uint8)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    up, down, left, right = (padded[:, y : y + 48, x : x + 48] for y, x in [(4, 2), (0, 2), (2, 4), (2, 0)])
    network = keras.saving.load_model(plain_dir / "model.keras")
    copies = [up, down[:, :, ::-1], left, right[:, :, ::-1]]
    expected = np.mean([network.predict_on_batch(copy) for copy in copies], axis=0)
    answers = keras.saving.load_model(tmp_path / "model.keras").predict_on_batch(images)
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def test_explanations_show_one_face_a_class(trained):
    run_dir, _ = trained
    explanations = np.load(run_dir / "explanations.npz")
    assert explanations["images"].shape == explanations["heatmaps"].shape == (4, 48, 48)
    assert sorted(explanations["labels"]) == [0, 1, 2, 3]
    assert explanations["mean_heatmaps"].shape == (4, 48, 48)
    assert len(explanations["shuffled_correlations"]) <= explanations["averaged_faces"].sum()
    assert np.abs(explanations["shuffled_correlations"]).max(initial=0) <= 1


def test_nothing_but_the_results_is_kept(trained):
    run_dir, _ = trained
    assert sorted(path.name for path in run_dir.iterdir()) == [
        "child.log",
        "explanations.npz",
        "model.keras",
        "plan.json",
        "predictions.parquet",
        "result.json",
        "spec.json",
    ]


def test_a_killed_training_resumes_and_ends_as_if_nothing_had_happened(trained, views, tmp_path):
    write_spec(tmp_path, views)
    with pytest.raises(ChildKilled, match="SIGKILL"):
        run_fit(tmp_path, kill_after_epoch=1)
    events = run_fit(tmp_path)
    epochs = [event.epoch for event in events if event.event == "epoch"]
    assert epochs == [2, 3], "no finished epoch is trained twice"
    result, uninterrupted = load_result(tmp_path), load_result(trained[0])
    assert [record.epoch for record in result.epochs] == [1, 2, 3]
    assert [record.resumed for record in result.epochs] == [False, True, False]
    assert figures_of(result) == figures_of(uninterrupted)


@pytest.fixture(scope="module")
def voted(tmp_path_factory):
    """Write the same views with the votes of people who see another class in every image, or none in some."""
    directory = write_tiny_views(tmp_path_factory.mktemp("voted"))
    for part, count in IMAGES.items():
        votes = np.zeros((count, 7), np.float32)
        votes[np.arange(count), (np.arange(count) + 1) % 4] = 10
        votes[: count // 4] = np.nan
        write_votes(directory, part, votes)
    return directory


def test_with_labels_as_target_votes_change_no_figure(trained, voted, tmp_path):
    write_spec(tmp_path, voted)
    run_fit(tmp_path)
    assert figures_of(load_result(tmp_path)) == figures_of(load_result(trained[0]))
    assert (tmp_path / "predictions.parquet").read_bytes() == (trained[0] / "predictions.parquet").read_bytes()


def test_trained_on_votes_epoch_and_temperature_follow_the_choice_of_the_crowd(trained, voted, tmp_path):
    write_spec(tmp_path, voted, target="votes", votes_smoothing=0.5)
    events = run_fit(tmp_path)
    assert next(event.target for event in events if event.event == "planned") == "votes"
    result, predictions = load_result(tmp_path), pd.read_parquet(tmp_path / "predictions.parquet")
    assert result.train_config["target"] == "votes"
    assert result.epochs[0].loss != load_result(trained[0]).epochs[0].loss
    by_part = dict(iter(predictions.groupby("part")))
    for part, frame in by_part.items():
        chosen = (frame["label"].to_numpy() + 1) % 4
        chosen[: IMAGES[part] // 4] = frame["label"].to_numpy()[: IMAGES[part] // 4]
        assert frame["target_label"].tolist() == chosen.tolist()
    selection = by_part["selection"]
    right = probabilities_of(selection).argmax(axis=1) == selection["target_label"]
    assert result.epochs[result.best_epoch - 1].monitor_accuracy == pytest.approx(right.mean(), abs=1e-6)
    assert result.parts["selection"].accuracy == pytest.approx(correctness_of(selection).mean())
    fitted = fit_temperature(selection["target_label"].to_numpy(), probabilities_of(selection))
    assert result.calibration.temperature == fitted


@pytest.fixture(scope="module")
def soft_labels(tmp_path_factory):
    directory = tmp_path_factory.mktemp("soft_labels")
    seconds = {"core_seconds": 40, "wall_seconds": 20, "teacher_core_seconds": 500, "teacher_wall_seconds": 300}
    write_soft_labels(directory, 2, IMAGES["train"], peak_memory_bytes=10**12, **seconds)
    return directory


@pytest.mark.slow
def test_a_student_whose_teacher_has_no_share_trains_as_if_there_were_none(trained, views, soft_labels, tmp_path):
    write_spec(tmp_path, views, soft_labels=soft_labels, teacher_share=0)
    run_fit(tmp_path)
    assert figures_of(load_result(tmp_path)) == figures_of(load_result(trained[0]))


@pytest.mark.slow
def test_a_killed_student_ends_as_if_never_stopped_and_its_cost_is_told_in_all(trained, views, soft_labels, tmp_path):
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    for run_dir in (straight, killed):
        write_spec(run_dir, views, soft_labels=soft_labels, mixup=0.2)
    run_fit(straight)
    with pytest.raises(ChildKilled, match="SIGKILL"):
        run_fit(killed, kill_after_epoch=1)
    run_fit(killed)
    result = load_result(straight)
    assert figures_of(load_result(killed)) == figures_of(result)
    assert result.epochs[0].loss != load_result(trained[0]).epochs[0].loss
    taught = result.plan.taught
    assert taught.own_core_seconds > 0
    assert result.core_seconds == pytest.approx(500 + 40 + taught.own_core_seconds, abs=0.1)
    assert result.wall_seconds == pytest.approx(300 + 20 + taught.own_wall_seconds, abs=0.1)
    assert result.peak_memory_bytes == 10**12
    assert result.train_config["teacher_share"] == 0.7
    assert load_result(trained[0]).train_config["teacher_share"] == 0, "a recipe that had no teacher says so"


@pytest.fixture(scope="module")
def trained_on_features(tmp_path_factory, views):
    """A frozen variant, its features and its events, without what differs between epochs on pixels and on features."""
    run_dir, workspace = tmp_path_factory.mktemp("frozen"), tmp_path_factory.mktemp("workspace")
    write_spec(run_dir, views, FROZEN, workspace, flip=False, shift_pixels=0)
    return run_dir, workspace, run_fit(run_dir)


def test_a_head_on_features_is_trained_as_it_would_be_on_pixels(trained_on_features, views, tmp_path):
    run_dir, workspace, _ = trained_on_features
    write_spec(tmp_path, views, FROZEN, workspace, cache_features=False, flip=False, shift_pixels=0)
    run_fit(tmp_path)
    ours, theirs = load_result(run_dir), load_result(tmp_path)
    assert (ours.plan.feature_views, theirs.plan.feature_views) == (2, 0)
    assert [record.loss for record in ours.epochs] == pytest.approx([record.loss for record in theirs.epochs], rel=2e-3)
    monitored = ([record.monitor_loss for record in result.epochs] for result in (ours, theirs))
    assert next(monitored) == pytest.approx(next(monitored), rel=2e-3)
    probabilities = [
        pd.read_parquet(path / "predictions.parquet").filter(like="probability_") for path in (run_dir, tmp_path)
    ]
    np.testing.assert_allclose(*probabilities, atol=5e-3)


def test_the_saved_network_takes_pixels_and_agrees_with_the_head_on_features(trained_on_features, views):
    run_dir, workspace, _ = trained_on_features
    model = keras.saving.load_model(run_dir / "model.keras")
    extractor, head = split_frozen(model)
    store = FeatureStore(workspace, views, extractor)
    on_features = head.predict_on_batch(store.load("validation").values.astype(np.float32))
    predictions = pd.read_parquet(run_dir / "predictions.parquet").query("part == 'validation'")
    np.testing.assert_allclose(predictions.filter(like="probability_"), on_features, atol=1e-3)


def test_a_recipe_whose_flips_do_not_apply_says_so(views, trained_on_features, tmp_path):
    write_spec(tmp_path, views, FROZEN, trained_on_features[1], epochs=1)
    events = run_fit(tmp_path)
    result = load_result(tmp_path)
    assert (result.train_config["flip"], result.train_config["shift_pixels"]) == (False, 0)
    assert next(event for event in events if event.event == "planned").prepared_views == 2


@pytest.mark.slow
def test_killed_on_features_a_training_ends_as_if_never_stopped(trained_on_features, views, tmp_path):
    workspace = tmp_path / "workspace"
    write_spec(tmp_path, views, FROZEN, workspace, flip=False, shift_pixels=0)
    with pytest.raises(ChildKilled, match="SIGKILL"):
        run_fit(tmp_path, kill_after_epoch=1)
    run_fit(tmp_path)
    assert figures_of(load_result(tmp_path)) == figures_of(load_result(trained_on_features[0]))


def test_a_budget_too_small_for_a_pass_trains_on_pixels(views, trained_on_features, tmp_path):
    write_spec(tmp_path, views, FROZEN, tmp_path / "workspace", time_budget_minutes=0.0001)
    run_fit(tmp_path)
    plan = load_result(tmp_path).plan
    assert (plan.feature_views, plan.total_steps) == (0, 1)


@pytest.mark.slow
def test_killed_at_random_moments_a_training_ends_in_every_figure_as_if_never_stopped(trained, views, tmp_path):
    rng = random.Random(20)
    for _ in range(4):
        write_spec(tmp_path, views)
        with suppress(ChildKilled):
            run_fit(tmp_path, kill_after_seconds=rng.uniform(2, 18))
    run_fit(tmp_path)
    assert figures_of(load_result(tmp_path)) == figures_of(load_result(trained[0]))
    ours, straight = (pd.read_parquet(run_dir / "predictions.parquet") for run_dir in (tmp_path, trained[0]))
    pd.testing.assert_frame_equal(ours, straight, check_exact=True)


def test_a_finished_training_that_nobody_took_is_not_done_again(trained, tmp_path):
    run_dir = tmp_path / "left"
    shutil.copytree(trained[0], run_dir)
    (run_dir / "best.npz").touch()  # as if the child had been killed right after it wrote the result
    assert [event.event for event in run_fit(run_dir)] == ["started", "done"]
    assert load_result(run_dir) == load_result(trained[0])
    assert not (run_dir / "best.npz").exists()


@pytest.mark.slow
def test_a_spent_budget_ends_inside_an_epoch(views, tmp_path):
    write_spec(tmp_path, views, time_budget_minutes=0.0005)
    run_fit(tmp_path)
    result = load_result(tmp_path)
    assert result.plan.total_steps == 1
    assert [record.partial for record in result.epochs] == [True]
    assert "time budget" in result.stopped_because


@pytest.mark.parametrize("strength", [0.05, 0.2])
def test_shares_of_mixed_batches_are_those_of_beta(strength):
    images, labels = np.zeros((20_000, 1, 1, 1), np.uint8), np.tile(np.eye(4, dtype=np.float32)[:2], (10_000, 1))
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).batch(20_000)
    ((_, soft),) = [(a.numpy(), b.numpy()) for a, b in mix_batches(batches, strength, seed=3)]
    near_the_ends = np.mean(soft[:, 0] < 0.05) + np.mean(soft[:, 0] > 0.95)
    assert near_the_ends == pytest.approx(2 * beta(strength, strength).cdf(0.05), abs=0.015)


def test_mixed_batches_are_shares_of_two_neighbours():
    images = np.arange(6 * 48 * 48, dtype=np.int64).reshape(6, 48, 48, 1) % 256
    labels = np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 0, 1]]
    batches = tf.data.Dataset.from_tensor_slices((images.astype(np.uint8), labels)).batch(6)
    ((mixed, soft),) = [(a.numpy(), b.numpy()) for a, b in mix_batches(batches, 0.4, seed=3)]
    share = soft[np.arange(6), labels.argmax(axis=1)]
    assert soft.sum(axis=1) == pytest.approx(np.ones(6))
    assert (share > 0).all() and (share < 1).any()
    expected = share[:, None, None, None] * images + (1 - share[:, None, None, None]) * np.roll(images, 1, axis=0)
    np.testing.assert_allclose(mixed, expected, atol=1e-2)
    (again,) = [b.numpy() for _, b in mix_batches(batches, 0.4, seed=3)]
    (other,) = [b.numpy() for _, b in mix_batches(batches, 0.4, seed=4)]
    assert (again == soft).all() and (other != soft).any()
