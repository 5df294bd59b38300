"""Facts of an export: those of the report on the same training, by the labels that the report judges by."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.base.data_format import SEED_FORMAT
from data.base.errors import PipelineError
from data.records.training import VariantResult
from models.analysis.analyse import AnalysisInputs, analyse_run
from models.evaluation.judging import PUBLISHED, Truth, judge_variant, make_truth
from models.evaluation.metrics import measure_predictions
from models.evaluation.predictions import name_columns, probabilities_of, read_predictions
from models.export.facts import describe_training, name_facts
from models.export.gate import accepts
from tests.support.results_factory import make_results
from tests.support.run_factory import with_variants

IMAGES = {"selection": 1400, "validation": 2400}
LABELS = SEED_FORMAT.labels


def predict(part: str, follows_votes: bool, rng: np.random.Generator) -> pd.DataFrame:
    """Return predictions that are right by the crowd where they are certain; a fifth of the labels are another class.

    The crowd's choice is the column `crowd`, with a share of agreement in `agreed`.
    """
    count = IMAGES[part]
    crowd = rng.integers(0, 4, count)
    logits = rng.normal(0, 1, (count, 4))
    easy = rng.random(count) < 0.5
    logits[np.arange(count), crowd] += np.where(easy, 4, 1)
    chances = np.exp(logits)
    chances /= chances.sum(axis=1, keepdims=True)
    frame = pd.DataFrame(chances.astype(np.float32), columns=pd.Index(name_columns(4)))
    label = np.where(rng.random(count) < 0.2, rng.integers(0, 4, count), crowd)
    known = {"image_id": [f"{part}/{place:05}.jpg" for place in range(count)], "part": part, "label": label}
    target = {"target_label": crowd} if follows_votes else {}
    return frame.assign(**known, **target, crowd=crowd, agreed=np.where(easy, 10, 6))


def make_manifest(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the data set behind predictions; nobody voted on every seventh image."""
    votes = np.zeros((len(predictions), 7))
    votes[np.arange(len(votes)), predictions["crowd"]] = predictions["agreed"]
    votes[np.arange(len(votes)), 4] = 10 - predictions["agreed"]
    return pd.DataFrame(
        {
            "path": predictions["image_id"],
            "label": [LABELS[label] for label in predictions["label"]],
            "part": predictions["part"],
            "votes": [None if place % 7 == 0 else row.tolist() for place, row in enumerate(votes)],
            "mean": 100.0,
            "standard_deviation": 40.0,
            "sharpness": np.arange(len(votes)),
            "group": predictions["image_id"],
        }
    )


@pytest.fixture(params=[False, True], ids=["trained on labels", "trained on votes"])
def training(request, tmp_path) -> tuple[VariantResult, pd.DataFrame]:
    """Write a training; returns its result, with its directory, and its data set."""
    rng = np.random.default_rng(0)
    predictions = pd.concat([predict(part, request.param, rng) for part in IMAGES], ignore_index=True)
    manifest, stored = make_manifest(predictions), predictions.drop(columns=["crowd", "agreed"])
    directory = tmp_path / "0123456789abcdef"
    directory.mkdir()
    stored.to_parquet(directory / "predictions.parquet", index=False)
    parts, calibration = measure_predictions(stored, LABELS)
    result = VariantResult(
        name="compact",
        description="a network",
        status="trained",
        training=directory.name,
        parts=parts,
        calibration=calibration,
    )
    (directory / "result.json").write_text(result.model_dump_json())
    return result.model_copy(update={"directory": str(directory)}), manifest


def report(result: VariantResult, truth: Truth, manifest: pd.DataFrame, tmp_path: Path):
    """Return what a report by this truth says of a training: its result, and the choice of the threshold."""
    judged = judge_variant(result, truth, LABELS)
    run = with_variants(make_results(tmp_path / "run", trained=0), [judged])
    rejection = analyse_run(run, AnalysisInputs(manifest=manifest, truth=truth)).rejection
    assert rejection is not None
    return judged, rejection


@pytest.mark.parametrize("name", ["published", "crowd", "clear"])
def test_threshold_and_figures_are_those_of_the_report(training, tmp_path, name):
    result, manifest = training
    truth = make_truth(name, manifest, LABELS)
    judged, rejection = report(result, truth, manifest, tmp_path)
    bundle, scores = describe_training(Path(result.directory), truth), judged.parts["validation"]
    assert bundle.truth == name_facts(bundle)["truth"] == name
    assert (bundle.threshold, bundle.temperature) == (rejection.threshold, judged.calibration.temperature)
    assert bundle.accepted_accuracy == (scores.accuracy if rejection.threshold is None else rejection.accuracy)
    assert (bundle.accuracy, bundle.accuracy_low, bundle.validation_images) == (
        scores.accuracy,
        scores.accuracy_low,
        scores.images,
    )
    accepted = accepts(probabilities_of(truth.judge(read_predictions(Path(result.directory), "validation"))), bundle)
    assert accepted.sum() == (rejection.taken if rejection.threshold is not None else scores.images)
    assert bundle.recalls == tuple(one.recall for one in scores.per_class)


def test_the_crowd_gives_another_threshold_than_noisy_labels(training):
    result, manifest = training
    crowd = describe_training(Path(result.directory), make_truth("crowd", manifest, LABELS))
    published = describe_training(Path(result.directory), PUBLISHED)
    assert crowd.temperature == published.temperature
    assert crowd.threshold is not None and crowd.threshold != published.threshold
    assert crowd.accuracy > published.accuracy + 0.05
    assert crowd.validation_images < published.validation_images == IMAGES["validation"]


def test_without_such_labels_on_selection_nothing_is_refused(training):
    result, manifest = training
    truth = make_truth("crowd", manifest[manifest["part"] == "validation"], LABELS)
    bundle = describe_training(Path(result.directory), truth)
    assert bundle.threshold is None and bundle.accepted_accuracy == bundle.accuracy


def test_a_training_that_was_skipped_has_no_facts(tmp_path):
    result = VariantResult(name="vgg16_a", description="", status="skipped", reason="no weights")
    (tmp_path / "result.json").write_text(result.model_dump_json())
    with pytest.raises(PipelineError, match=r"which is skipped \(no weights\), expected a trained one"):
        describe_training(tmp_path)
