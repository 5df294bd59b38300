"""A run judges its variants by the labels that it declares, on the images that have one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.base.errors import PipelineError
from data.manifest.table import COLUMN_TYPES
from data.quality.label_corrections import Correction, apply_relabel
from data.records.training import RepeatRecord
from models.evaluation.judging import PUBLISHED, judge_variant, make_truth
from models.evaluation.predictions import correctness_of, read_predictions
from tests.support.run_factory import make_run, read_answers
from tests.support.seed_format import CLASSES


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path, {"compact": 2.6, "cnn_3": 2.5})


def vote_for_the_next(run, parts=("selection", "validation"), every=1):
    """Return a manifest: of every image ten people see the next class, of every second image only six do."""
    frames = [read_answers(run, "compact", part) for part in ("selection", "validation", "test")]
    frame = pd.concat(frames, ignore_index=True)
    rows = []
    for place, (part, label) in enumerate(zip(frame["part"], frame["label"], strict=True)):
        votes = np.zeros(7)
        votes[(label + 1) % 4], votes[label] = (10, 0) if place % 2 else (6, 4)
        rows.append(votes.tolist() if part in parts and place % every == 0 else None)
    labels = [CLASSES[label] for label in frame["label"]]
    return pd.DataFrame({"path": frame["image_id"], "label": labels, "part": frame["part"], "votes": rows})


def test_published_labels_change_nothing(run):
    variant = run.variants[0]
    truth = make_truth("published", vote_for_the_next(run), CLASSES)
    assert truth is PUBLISHED
    assert judge_variant(variant, truth, CLASSES) is variant
    frame = read_predictions(run_directory(variant), "validation")
    assert truth.judge(frame) is frame


def run_directory(variant):
    return Path(variant.directory)


@pytest.mark.parametrize(("name", "share"), [("crowd", 1), ("clear", 0.5)])
def test_predictions_get_the_labels_of_the_crowd_where_it_has_some(run, name, share):
    frame = read_predictions(run_directory(run.variants[0]), "validation")
    judged = make_truth(name, vote_for_the_next(run), CLASSES).judge(frame)
    assert len(judged) == share * len(frame)
    before = frame.set_index("image_id").loc[judged["image_id"], "label"]
    assert judged["label"].tolist() == ((before + 1) % 4).tolist()


def corrected(manifest, every):
    """Return the manifest in which a person gave every so many images the label that they have."""
    known = manifest.assign(
        **{**dict.fromkeys(set(COLUMN_TYPES) - set(manifest), ""), "pixel_sha256": manifest["path"]}
    )
    named = known.iloc[::every]
    pairs = zip(named["path"], named["label"], strict=True)
    answers = {path: Correction(new_label=label, pixel_sha256=path) for path, label in pairs}
    return apply_relabel(known, answers, CLASSES).manifest


@pytest.mark.parametrize("name", ["crowd", "clear"])
def test_an_answer_of_a_person_is_judged_by_and_not_left_out(run, name):
    voted = vote_for_the_next(run, every=2)
    truth = make_truth(name, corrected(voted, every=4), CLASSES)
    frame = read_predictions(run_directory(run.variants[0]), "validation")
    judged = truth.judge(frame).set_index("image_id")["label"]
    answered = voted["path"].iloc[::4]
    own = frame.set_index("image_id")["label"]
    own, others = own[own.index.isin(answered)], own[~own.index.isin(answered)]
    assert len(own) == 100 and judged[own.index].tolist() == own.tolist()
    of_votes = judged.drop(own.index)
    assert len(of_votes) == (100 if name == "crowd" else 0), "images without votes get none, nobody agrees on the rest"
    assert of_votes.tolist() == ((others[of_votes.index] + 1) % 4).tolist()


def test_a_variant_is_scored_again_and_its_temperature_stays(run):
    variant, truth = run.variants[0], make_truth("clear", vote_for_the_next(run), CLASSES)
    judged = judge_variant(variant, truth, CLASSES)
    frame = truth.judge(read_predictions(run_directory(variant), "validation"))
    assert judged.parts["validation"].accuracy == pytest.approx(correctness_of(frame).mean())
    assert judged.parts["validation"].images == 200 and set(judged.parts) == {"selection", "validation"}
    assert judged.parts["validation"].accuracy < 0.3 < variant.parts["validation"].accuracy
    assert judged.calibration.temperature == variant.calibration.temperature
    assert judged.calibration.before.expected_error > variant.calibration.before.expected_error


def test_every_seed_of_a_variant_is_judged_alike(run):
    variant, other = run.variants[:2]
    names = [run_directory(one).name for one in (variant, other)]
    repeats = [RepeatRecord(seed=seed, status="trained", training=name) for seed, name in enumerate(names)]
    failed = RepeatRecord(seed=3, status="failed", reason="NaN")
    truth = make_truth("crowd", vote_for_the_next(run, parts=("validation",)), CLASSES)
    judged = judge_variant(variant.model_copy(update={"repeats": (*repeats, failed)}), truth, CLASSES)
    for repeat, one in zip(judged.repeats, (variant, other), strict=False):
        frame = truth.judge(read_predictions(run_directory(one), "validation"))
        assert repeat.validation_accuracy == pytest.approx(correctness_of(frame).mean())
        assert repeat.selection_accuracy is None
    assert judged.repeats[2] == failed


def test_a_variant_that_was_not_trained_stays_as_it_is(run):
    missing = run.variants[-1]
    assert judge_variant(missing, make_truth("crowd", vote_for_the_next(run), CLASSES), CLASSES) is missing


@pytest.mark.parametrize("parts", [(), ("selection",)])
def test_a_truth_that_validation_does_not_have_is_refused(run, parts):
    manifest = vote_for_the_next(run, parts)
    with pytest.raises(PipelineError, match=r"got truth crowd.*--votes.*--truth published"):
        make_truth("crowd", manifest, CLASSES)
    with pytest.raises(PipelineError, match="got truth clear"):
        make_truth("clear", manifest.drop(columns="votes"), CLASSES)
