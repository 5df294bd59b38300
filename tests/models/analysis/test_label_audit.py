"""Planted label errors are found: with simulated probabilities fast, with a trained network in the slow test."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.base.data_format import SEED_FORMAT, DataFormat
from data.base.errors import PipelineError
from data.records.training import VariantResult
from data.sample.generate import SampleConfig, generate_sample
from data.views.augment import LIGHT_AUGMENT, augment_batch
from data.views.tfrecords import ShardKey, write_index, write_records
from models.analysis.label_audit import (
    audit_cross_fit,
    audit_labels,
    audit_variants,
    choose_auditors,
)
from models.catalog.train_config import TrainConfig
from models.evaluation.metrics import measure_part
from models.evaluation.predictions import name_columns
from models.jobs.files import PREDICTIONS_NAME
from models.jobs.specs import FitSpec
from tasks.support.child_processes import training_children
from tests.support.seed_format import CLASSES

PLANTED_SHARE = 0.1


def plant_errors(truth, rng, share=PLANTED_SHARE):
    """Return labels of which a share, drawn alike from all, names another class."""
    labels = truth.copy()
    wrong = rng.choice(len(truth), round(share * len(truth)), replace=False)
    labels[wrong] = (truth[wrong] + rng.integers(1, len(CLASSES), len(wrong))) % len(CLASSES)
    return labels


def simulate_probabilities(truth, rng, strength):
    """Return what a network of some strength says: some images are clearer than others.

    It is calibrated to labels of which `PLANTED_SHARE` are wrong, as one that was trained on such labels is.
    """
    clarity = strength * rng.gamma(4, 0.25, (len(truth), 1))
    evidence = rng.normal(0, 1, (len(truth), len(CLASSES)))
    evidence[np.arange(len(truth)), truth] += clarity[:, 0]
    odds = np.exp(clarity * evidence)
    clean = odds / odds.sum(axis=1, keepdims=True)
    return (1 - PLANTED_SHARE) * clean + PLANTED_SHARE * (1 - clean) / (len(CLASSES) - 1)


def name_images(count):
    return [f"validation/x/{number:05d}.jpg" for number in range(count)]


def score(audit, image_ids, labels, truth):
    """Return recall and precision of the suspects."""
    wrong = {name for name, label, true in zip(image_ids, labels, truth, strict=True) if label != true}
    suspected = {suspect.image_id for suspect in audit.suspects}
    return len(wrong & suspected) / len(wrong), len(wrong & suspected) / len(suspected)


@pytest.fixture(scope="module")
def simulated():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, len(CLASSES), 3000)
    labels, probabilities = plant_errors(truth, rng), simulate_probabilities(truth, rng, strength=3.1)
    return truth, labels, probabilities, audit_labels(labels, probabilities, name_images(len(truth)), CLASSES)


def test_planted_errors_are_found_with_simulated_probabilities(simulated):
    truth, labels, probabilities, audit = simulated
    assert 0.8 < (probabilities.argmax(axis=1) == truth).mean() < 0.9  # as good as a network is, no better
    recall, precision = score(audit, name_images(len(truth)), labels, truth)
    assert recall >= 0.8
    assert precision >= 0.5


def test_suspects_are_ranked_and_say_what_is_suggested(simulated):
    _, labels, probabilities, audit = simulated
    suspicions = [suspect.suspicion for suspect in audit.suspects]
    assert suspicions == sorted(suspicions, reverse=True)
    first = audit.suspects[0]
    row = int(first.image_id.split("/")[-1].removesuffix(".jpg"))
    assert CLASSES.index(first.label) == labels[row]
    assert CLASSES.index(first.suggested_label) == probabilities[row].argmax() != labels[row]
    assert first.candidates[0].label == first.suggested_label
    assert 0.9 <= sum(one.probability for one in first.candidates) <= 1 + 1e-6
    assert all(1 <= len(suspect.candidates) <= 3 for suspect in audit.suspects)
    assert max(len(suspect.candidates) for suspect in audit.suspects) > 1


def test_counts_are_of_all_images_and_of_the_suspects(simulated):
    _, labels, probabilities, audit = simulated
    assert audit.images_per_class == tuple(np.bincount(labels))
    assert sum(audit.suspected_per_class) == len(audit.suspects)
    assert audit.suspected_per_class[2] == sum(suspect.label == "sad" for suspect in audit.suspects)
    assert audit.agreement == pytest.approx((probabilities.argmax(axis=1) == labels).mean())


def test_noise_between_two_classes_shows_in_its_cell_alone():
    """A quarter of the images labelled sad are neutral; a strong network sees it."""
    rng = np.random.default_rng(2)
    truth = rng.integers(0, len(CLASSES), 4000)
    labels = np.where((truth == 1) & (rng.random(len(truth)) < 1 / 3), 2, truth)
    probabilities = simulate_probabilities(truth, rng, strength=6)
    noise = np.array(audit_labels(labels, probabilities, name_images(len(truth)), CLASSES).noise)
    assert noise.sum(axis=1) == pytest.approx(1)
    assert noise[2, 1] == pytest.approx(0.25, abs=0.05)
    other = noise.copy()
    other[2, 1] = 0
    np.fill_diagonal(other, 0)
    assert other.max() < 0.05


def test_right_labels_and_a_network_that_knows_them_give_no_suspect():
    truth = np.arange(400) % len(CLASSES)
    probabilities = np.full((400, 4), 0.02)
    probabilities[np.arange(400), truth] = 0.94
    audit = audit_labels(truth, probabilities, name_images(400), CLASSES)
    assert audit.suspects == ()
    assert np.array(audit.noise) == pytest.approx(np.eye(4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y, p, n: (y[:-1], p, n), "one row an image"),
        (lambda y, p, n: (y, p[:, :3], n), "one row an image"),
        (lambda y, p, n: (y, p * 2, n), "sum to 1"),
        (lambda y, p, n: (y, np.where(p > 0.8, np.nan, p), n), "sum to 1"),
        (lambda y, p, n: (np.where(y == 3, 0, y), p, n), "no image labelled surprise"),
    ],
)
def test_what_cannot_be_audited_is_refused(simulated, change, message):
    _, labels, probabilities, _ = simulated
    with pytest.raises(PipelineError, match=message):
        audit_labels(*change(labels, probabilities, name_images(len(labels))), CLASSES)


def write_variant(directory, name, truth, labels, strength, seed):
    """Return a trained variant whose predictions on three parts are simulated."""
    directory = directory / name
    directory.mkdir(parents=True)
    probabilities = simulate_probabilities(truth, np.random.default_rng(seed), strength)
    frame = pd.DataFrame(probabilities.astype(np.float32), columns=pd.Index(name_columns(len(CLASSES))))
    frame.insert(0, "image_id", name_images(len(truth)))
    frame.insert(1, "part", np.repeat(["selection", "validation", "test"], len(truth) // 3))
    frame.insert(2, "label", labels)
    order = np.random.default_rng(seed).permutation(len(frame))
    frame.iloc[order].to_parquet(directory / PREDICTIONS_NAME, index=False)
    chosen = frame["part"] == "selection"
    scores = measure_part(labels[chosen], probabilities[chosen], CLASSES)
    return VariantResult(
        name=name, description=name, status="trained", directory=str(directory), parts={"selection": scores}
    )


@pytest.fixture
def variants(tmp_path):
    rng = np.random.default_rng(8)
    truth = rng.integers(0, len(CLASSES), 1500)
    labels = plant_errors(truth, rng)
    strengths = {"poor": 0.3, "good": 2.5, "hopeless": 0.0, "better": 3.1}
    made = [
        write_variant(tmp_path, name, truth, labels, strength, seed)
        for seed, (name, strength) in enumerate(strengths.items())
    ]
    return truth, labels, [*made, VariantResult(name="skipped", description="", status="skipped")]


def test_strong_variants_audit_together_and_weak_ones_stay_out(variants):
    truth, labels, results = variants
    assert [variant.name for variant in choose_auditors(results)] == ["better", "good"]
    audit = audit_variants(results)
    assert audit.audited_by == ("better", "good")
    assert audit.images == len(truth)
    recall, precision = score(audit, name_images(len(truth)), labels, truth)
    best = audit_variants([variant for variant in results if variant.name == "better"])
    best_recall, best_precision = score(best, name_images(len(truth)), labels, truth)
    assert recall + precision > best_recall + best_precision


def test_labels_are_those_of_what_was_trained(variants):
    _, _, results = variants
    other = DataFormat(labels=("angry", "disgust", "fear", "contempt"))
    trained = [one.model_copy(update={"data_format": other}) for one in results if one.status == "trained"]
    skipped = next(one for one in results if one.status == "skipped")
    audit = audit_variants([skipped, *trained])
    assert audit.labels == other.labels and {one.label for one in audit.suspects} <= set(other.labels)
    hopeless = [one for one in trained if one.name == "hopeless"]
    assert audit_variants([skipped, *hopeless]).labels == other.labels


def test_without_a_variant_above_chance_nothing_is_suspected(variants):
    _, _, results = variants
    audit = audit_variants([variant for variant in results if variant.name in ("hopeless", "skipped")])
    assert (audit.audited_by, audit.images, audit.suspects) == ((), 0, ())


def test_variants_of_other_images_are_refused(variants, tmp_path):
    truth, labels, results = variants
    other = write_variant(tmp_path / "other", "other", truth[:-3], labels[:-3], 2.6, seed=9)
    with pytest.raises(PipelineError, match="different images"):
        audit_variants([*results, other])


def write_fold(directory, held_out, labels, probabilities):
    """Return a training that predicted these rows."""
    directory.mkdir()
    frame = pd.DataFrame(probabilities[held_out].astype(np.float32), columns=pd.Index(name_columns(len(CLASSES))))
    frame.insert(0, "image_id", [name_images(len(labels))[row] for row in held_out])
    frame.insert(1, "part", "test")
    frame.insert(2, "label", labels[held_out])
    frame.to_parquet(directory / PREDICTIONS_NAME, index=False)
    return VariantResult(name="compact", description="", status="trained", directory=str(directory))


def test_trainings_that_held_out_a_fold_each_audit_every_image(simulated, tmp_path):
    _, labels, probabilities, whole = simulated
    common, rows = np.arange(100), np.arange(100, len(labels))
    trainings = [
        write_fold(tmp_path / str(fold), [*common, *rows[fold::3]], labels, probabilities) for fold in range(3)
    ]
    audit = audit_cross_fit(trainings)
    assert audit.images == len(labels) and audit.audited_by == ()
    assert {s.image_id for s in audit.suspects} == {s.image_id for s in whole.suspects}


def test_a_training_at_chance_lets_nothing_be_suspected(simulated, tmp_path):
    truth, labels, probabilities, _ = simulated
    guesses = simulate_probabilities(truth, np.random.default_rng(3), strength=0)
    half = np.arange(len(labels)) % 2
    trainings = [
        write_fold(tmp_path / str(fold), np.flatnonzero(half == fold), labels, said)
        for fold, said in enumerate((probabilities, guesses))
    ]
    audit = audit_cross_fit(trainings)
    assert (audit.images, audit.suspects) == (0, ())
    assert audit.reason.startswith("1 of 2 trainings may be right on only 2")
    assert "from less than 6" in audit.reason


def test_a_fold_without_its_training_is_named(simulated, tmp_path):
    _, labels, probabilities, _ = simulated
    trained = write_fold(tmp_path / "0", np.arange(100), labels, probabilities)
    failed = VariantResult(name="compact", description="", status="failed", reason="out of disk")
    with pytest.raises(PipelineError, match=r"1 of 2 trainings.*compact: out of disk"):
        audit_cross_fit([trained, failed])


def test_importing_the_audit_does_not_import_cleanlab():
    """It takes seconds that a run which audits nothing should not pay."""
    source = Path(sys.modules["models.analysis.label_audit"].__file__ or "").read_text()
    assert not any(line.startswith(("import cleanlab", "from cleanlab")) for line in source.splitlines())


def write_noisy_sample(directory, seed):
    """Write records of generated faces with planted label errors in every part; return image id -> true label."""
    generate_sample(directory / "images", SampleConfig(train_per_class=800, faults=False, seed=seed))
    paths = sorted((directory / "images").rglob("*.jpg"))
    rng = np.random.default_rng(seed)
    names = [paths[index].relative_to(directory / "images").as_posix() for index in rng.permutation(len(paths))]
    frame = pd.DataFrame({"image_id": names, "part": [name.split("/")[0] for name in names]})
    frame["truth"] = [CLASSES.index(name.split("/")[1]) for name in names]
    frame.loc[frame.index[frame["part"] == "train"][:320], "part"] = "selection"
    views = directory / "views"
    views.mkdir()
    files = []
    for part, rows in frame.groupby("part"):
        labels, ids = plant_errors(rows["truth"].to_numpy(), rng), rows["image_id"].tolist()
        images = np.stack([np.asarray(Image.open(directory / "images" / name)) for name in ids])[..., None]
        for view in range(3 if part == "train" else 1):
            pixels = augment_batch(images, ids, view, seed, LIGHT_AUGMENT)
            files.append(write_records(views, ShardKey(str(part), view, 0), pixels, labels.tolist(), ids))
    write_index(views, files, SEED_FORMAT)
    return frame.set_index("image_id")["truth"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_trained_network_finds_planted_errors_in_the_sample(tmp_path):
    """The network is trained on labels of which a tenth is wrong too, as it would be in a run."""
    truth = write_noisy_sample(tmp_path, seed=1)
    recipe = TrainConfig(
        epochs=20,
        batch_size=64,
        learning_rate=0.1,
        warmup_fraction=0.2,
        weight_decay=5e-3,
        label_smoothing=0.1,
        precision="float32",
    )
    spec = FitSpec(
        name="compact",
        description="the sample's auditor",
        builder="models.networks.compact:build_compact",
        views=tmp_path / "views",
        train=recipe,
        seed=7,
        threads=2,
    )
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "spec.json").write_text(spec.model_dump_json())
    with training_children() as children:
        children.run("models.training.fit", run_dir, run_dir / "child.log", lambda event: None)
    result = VariantResult.model_validate_json((run_dir / "result.json").read_text())
    audit = audit_variants([result.model_copy(update={"directory": str(run_dir)})])
    predictions = pd.read_parquet(run_dir / PREDICTIONS_NAME)
    ids = predictions["image_id"].tolist()
    recall, precision = score(audit, ids, predictions["label"], truth[ids])
    assert audit.images == len(ids) == 848
    assert recall >= 0.8
    assert precision >= 0.5
