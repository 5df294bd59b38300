"""The variants of a run are ranked and compared by their stored predictions of validation."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.base.errors import PipelineError
from data.records.training import VariantResult
from models.evaluation.comparison import compare_variants, rank_variants, read_correctness
from models.evaluation.metrics import measure_part
from models.evaluation.paired import best_of_many, compare_with_best
from models.evaluation.predictions import name_columns
from models.jobs.files import PREDICTIONS_NAME
from tests.support.seed_format import CLASSES

IMAGES = 40
LABELS = np.arange(IMAGES) % len(CLASSES)


def predict(right, part="validation"):
    """Return predictions that name the label where they are right, and else the next class."""
    answers = np.where(right, LABELS, (LABELS + 1) % len(CLASSES))
    frame = pd.DataFrame(np.eye(len(CLASSES), dtype=np.float32)[answers], columns=name_columns(len(CLASSES)))
    return frame.assign(image_id=[f"{part}/{n:02d}" for n in range(IMAGES)], part=part, label=LABELS)


def make_variant(name, directory, wrong=0, **changes) -> VariantResult:
    """Return a trained variant that is wrong on its first images; its predictions are stored out of order."""
    right = np.arange(IMAGES) >= wrong
    stored = pd.concat([predict(right), predict(~right, "test")]).sample(frac=1, random_state=wrong)
    (directory / name).mkdir()
    stored.to_parquet(directory / name / PREDICTIONS_NAME)
    scores = {
        "validation": measure_part(LABELS, predict(right)[name_columns(len(CLASSES))].to_numpy(), CLASSES),
        "test": measure_part(LABELS, predict(~right, "test")[name_columns(len(CLASSES))].to_numpy(), CLASSES),
    }
    fields: dict[str, Any] = {"status": "trained", "directory": str(directory / name), "parts": scores}
    return VariantResult(name=name, description="", **{**fields, **changes})


def untrained(name, status) -> VariantResult:
    return VariantResult(name=name, description="", status=status, reason="no weights")


def test_variants_are_ranked_by_validation_and_the_untrained_follow_in_their_order(tmp_path):
    trained = [make_variant(name, tmp_path, wrong) for name, wrong in (("poor", 30), ("good", 2), ("fair", 10))]
    useless = make_variant("useless", tmp_path, wrong=IMAGES)
    ranked = rank_variants([untrained("skipped", "skipped"), useless, *trained, untrained("failed", "failed")])
    assert [variant.name for variant in ranked] == ["good", "fair", "poor", "useless", "skipped", "failed"]


def test_variants_of_one_accuracy_keep_their_order(tmp_path):
    variants = [make_variant(name, tmp_path, wrong=5) for name in ("b", "a", "c")]
    assert [variant.name for variant in rank_variants(variants)] == ["b", "a", "c"]


def test_right_answers_are_those_on_validation_in_one_order(tmp_path):
    variants = [make_variant("good", tmp_path, wrong=2), make_variant("fair", tmp_path, wrong=10)]
    correct = read_correctness(variants)
    assert list(correct) == ["good", "fair"]
    assert correct["good"].tolist() == [False] * 2 + [True] * 38
    assert correct["fair"].tolist() == [False] * 10 + [True] * 30


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_variant_on_other_images_is_named(tmp_path, place):
    variants = [make_variant(name, tmp_path) for name in ("one", "two")]
    other = make_variant("other", tmp_path)
    predict(LABELS >= 0).iloc[1:].to_parquet(tmp_path / "other" / PREDICTIONS_NAME)
    variants.insert(place, other)
    named = "one" if place == 0 else "other"  # the first variant sets the images
    message = f"got predictions of {named} on other validation images than those of the first variant"
    with pytest.raises(PipelineError, match=f"^{message}, expected the same: run again with --force$"):
        read_correctness(variants)


def test_a_comparison_takes_the_trained_variants_and_the_seed(tmp_path):
    variants = [make_variant("fair", tmp_path, 10), untrained("skipped", "skipped"), make_variant("good", tmp_path, 2)]
    comparisons, best = compare_variants(variants, seed=5)
    correct = read_correctness([variants[0], variants[2]])
    assert [(c.name, c.best, c.difference) for c in comparisons] == [("fair", "good", pytest.approx(8 / IMAGES))]
    assert comparisons == compare_with_best(correct, seed=5)
    assert best == best_of_many(correct, seed=5)
    assert best is not None and (best.name, best.candidates, best.accuracy) == ("good", 2, 38 / IMAGES)


def test_without_a_trained_variant_there_is_no_comparison_and_no_best():
    assert compare_variants([untrained("one", "failed"), untrained("two", "skipped")], seed=0) == ((), None)
