"""A decision follows the labels that the run declares, for both models alike, and names them."""

import numpy as np
import pandas as pd

from models.evaluation.judging import PUBLISHED, Truth
from models.promotion.decide import decide_promotion
from models.promotion.evidence import Evidence, judge_model
from models.promotion.policy import PromotionPolicy
from tests.models.promotion.test_decide import LABELS, make_evidence, make_model, predict

CROWD = np.where(np.arange(len(LABELS)) % 5 == 0, (LABELS + 1) % 4, LABELS)
"""The crowd's choice is another class for every fifth image."""


def truth_of(images: np.ndarray) -> Truth:
    """Return the crowd's choice for these images alone."""
    frame = predict(np.ones(len(LABELS), bool))
    return Truth("crowd", pd.Series(CROWD, index=frame["image_id"].to_numpy())[images])


def judged(evidence: Evidence, truth: Truth) -> Evidence:
    models = [judge_model(model, truth) for model in (*evidence.candidates, evidence.champion) if model]
    return make_evidence(models[0], models[1], truth=truth.name)


def names_the_crowd() -> Evidence:
    """Return a challenger that names the crowd's choice, against a champion that names the published labels."""
    challenger = make_model("crowd", None, predictions=predict(np.ones(len(LABELS), bool), CROWD, 0.99))
    published = challenger.predictions.assign(label=LABELS)
    champion = make_model("champion", None, predictions=predict(np.ones(len(LABELS), bool), certainty=0.99))
    return make_evidence(make_model("crowd", None, predictions=published), champion)


EVERY = np.ones(len(LABELS), bool)


def test_the_truth_decides_who_is_better():
    by_labels = decide_promotion(PromotionPolicy(), judged(names_the_crowd(), PUBLISHED))
    by_crowd = decide_promotion(PromotionPolicy(), judged(names_the_crowd(), truth_of(EVERY)))
    assert (by_labels.outcome, by_labels.truth) == ("keep", "published")
    assert (by_crowd.outcome, by_crowd.truth) == ("promote", "crowd")
    (gain,) = [one for one in by_crowd.criteria if one.name == "accuracy_gain"]
    assert "accuracy 100.0% differs by +20.00 points from champion's 80.0% on 2,000 images by the choice of the" in (
        gain.message
    )
    assert "on 2,000 images by the choice of the crowd" in by_crowd.summary
    assert "crowd," not in by_labels.summary.split("fails")[1]


def test_the_recall_of_a_class_is_that_of_the_crowds_images():
    decision = decide_promotion(PromotionPolicy(), judged(names_the_crowd(), truth_of(EVERY)))
    (recall,) = [one for one in decision.criteria if one.name == "class_recall"]
    assert recall.passed and "100.0% against 80.0% on 500 images" in recall.message


def test_both_are_judged_on_the_images_that_have_the_truth():
    decision = decide_promotion(PromotionPolicy(), judged(names_the_crowd(), truth_of(np.arange(len(LABELS)) < 1200)))
    assert decision.images == 1200 and decision.outcome == "promote"


def test_the_champion_itself_is_kept_under_any_truth():
    evidence = judged(names_the_crowd(), truth_of(EVERY))
    same = make_evidence(evidence.candidates[0], evidence.candidates[0], truth="crowd")
    decision = decide_promotion(PromotionPolicy(), same)
    assert (decision.outcome, decision.truth) == ("keep", "crowd")
