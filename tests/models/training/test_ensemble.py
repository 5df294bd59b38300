"""Votes are chosen on selection, and the saved network answers as its members' predictions say."""

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from data.base.data_format import SEED_FORMAT
from data.records.training import VariantResult
from models.catalog.variants import find_variant
from models.evaluation.calibration import scale_by_temperature
from models.evaluation.predictions import name_columns, probabilities_of
from models.jobs.specs import EnsembleSpec
from models.networks.load import load_builder
from models.training.ensemble import EnsembleMember, build_ensemble, build_vote, choose_votes
from models.training.predict import predict_part
from tasks.support.child_processes import training_children
from tests.support.seed_format import CLASSES

IMAGES = 40


def frame_of(labels, logits):
    frame = pd.DataFrame(softmax(logits, axis=1).astype(np.float32), columns=pd.Index(name_columns(len(CLASSES))))
    return frame.assign(label=labels, image_id=[f"{index:03d}" for index in range(len(labels))])


def draw(seed, *noises):
    """Return predictions whose logits are the truth under noise of their own, for each of `noises`."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 600)
    truth = 2.0 * np.eye(4)[labels]
    return [frame_of(labels, truth + rng.normal(0, noise, truth.shape)) for noise in noises]


def test_equals_share_the_votes():
    first, second = draw(1, 1.5, 1.5)
    votes = choose_votes({"first": first, "second": second})
    assert set(votes) == {"first", "second"}
    assert 0.6 < votes["first"] / votes["second"] < 1.6


def test_a_variant_that_knows_nothing_gets_no_vote():
    able, _ = draw(2, 0.8, 0.8)
    nothing = frame_of(able["label"], np.random.default_rng(0).normal(0, 3, (600, 4)))
    assert choose_votes({"nothing": nothing, "able": able}) == {"able": 1}


def test_doubt_that_is_only_a_habit_costs_no_votes(tmp_path):
    first, second = draw(1, 1.5, 1.5)
    timid = frame_of(second["label"], np.log(probabilities_of(second)) / 4)
    candidates = {}
    for name, frame in (("first", first), ("timid", timid)):
        member = make_member(tmp_path / name, 1)
        parts = [frame.assign(part=part) for part in ("selection", "validation", "test")]
        pd.concat(parts).to_parquet(member / "predictions.parquet", index=False)
        candidates[name] = member
    (tmp_path / "out").mkdir()
    votes = build_vote(tmp_path / "out", EnsembleSpec(candidates=candidates)).plan.votes
    assert 0.6 < votes["first"] / votes["timid"] < 1.6


def test_members_that_were_trained_on_votes_of_people_are_joined_by_the_choice_of_the_crowd():
    blind, able = draw(3, 3.0, 0.8)
    chosen = np.random.default_rng(5).integers(0, 4, len(able))
    crowd = frame_of(able["label"], 3.0 * np.eye(4)[chosen]).assign(target_label=chosen)
    assert choose_votes({"blind": blind, "able": able}) == {"able": 1}
    votes = choose_votes({"able": able, "crowd": crowd})
    assert votes["crowd"] > votes.get("able", 0)


def make_member(directory, seed):
    """Write a small untrained network's directory as a training leaves it."""
    keras.utils.set_random_seed(seed)
    model = load_builder(find_variant("compact").builder)(SEED_FORMAT)
    rng = np.random.default_rng(9)
    parts = []
    for part in ("selection", "validation", "test"):
        images, labels = rng.integers(0, 256, (IMAGES, 48, 48, 1), dtype=np.uint8), np.arange(IMAGES) % 4
        ids = np.array([f"{part}/{index:03d}".encode() for index in range(IMAGES)])
        parts.append(predict_part(model, [(images, labels, ids)], part))
    # Of each image one of the two is sure of the truth and the other a little off: together they are better.
    frame = pd.concat(parts, ignore_index=True)
    frame[name_columns(len(CLASSES))] = softmax(
        1.5 * np.eye(4)[frame["label"]] + np.random.default_rng(seed).normal(0, 1, (len(frame), 4)), axis=1
    ).astype(np.float32)
    directory.mkdir()
    frame.to_parquet(directory / "predictions.parquet", index=False)
    model.save(directory / "model.keras")
    result = VariantResult(name=f"member_{seed}", description="", status="trained", core_seconds=100.0)
    (directory / "result.json").write_text(result.model_dump_json())
    return directory


def test_the_command_leaves_a_network_and_its_figures(tmp_path):
    members = {f"member_{seed}": make_member(tmp_path / str(seed), seed) for seed in (1, 2)}
    out = tmp_path / "ensemble"
    out.mkdir()
    (out / "spec.json").write_text(EnsembleSpec(candidates=members).model_dump_json())
    events = []
    with training_children() as children:
        children.run("models.training.ensemble", out, out / "child.log", events.append)
    result = VariantResult.model_validate_json((out / "result.json").read_text())
    assert (events[-1].event, events[-1].status) == ("done", "trained")
    votes = result.plan.votes
    assert set(votes) == set(members)
    assert result.core_seconds > 200
    predictions = pd.read_parquet(out / "predictions.parquet")
    given = [pd.read_parquet(members[name] / "predictions.parquet").sort_values(["part", "image_id"]) for name in votes]
    calibrated = [
        scale_by_temperature(probabilities_of(frame), temperature)
        for frame, temperature in zip(given, result.plan.temperatures.values(), strict=True)
    ]
    expected = np.average(calibrated, axis=0, weights=list(votes.values()))
    ours = predictions.sort_values(["part", "image_id"])
    np.testing.assert_allclose(probabilities_of(ours), expected, atol=1e-6)
    right = expected.argmax(axis=1) == ours["label"]
    assert result.parts["validation"].accuracy == pytest.approx(right[ours["part"] == "validation"].mean())


def test_one_that_is_best_alone_makes_no_ensemble(tmp_path):
    able, nothing = make_member(tmp_path / "able", 1), make_member(tmp_path / "nothing", 2)
    frame = pd.read_parquet(nothing / "predictions.parquet")
    frame[name_columns(len(CLASSES))] = frame[name_columns(len(CLASSES))].to_numpy()[:, ::-1]
    frame.to_parquet(nothing / "predictions.parquet", index=False)
    out = tmp_path / "ensemble"
    out.mkdir()
    result = build_vote(out, EnsembleSpec(candidates={"able": able, "nothing": nothing}))
    assert (result.status, result.parts) == ("skipped", {})
    assert "is better than able alone" in result.reason
    assert list(out.iterdir()) == []


def test_the_saved_network_is_the_weighted_mean(tmp_path):
    networks = [load_builder(find_variant(name).builder)(SEED_FORMAT) for name in ("compact", "residual")]
    pixels = np.random.default_rng(3).integers(0, 256, (5, 48, 48, 1), dtype=np.uint8)
    cool, calm = (
        scale_by_temperature(network(pixels).numpy(), temperature)
        for network, temperature in zip(networks, (0.5, 2.0), strict=True)
    )
    expected = (cool + 3 * calm) / 4
    build_ensemble(networks, [EnsembleMember(1, 0.5), EnsembleMember(3, 2.0)]).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(pixels).numpy(), expected, atol=1e-5)
