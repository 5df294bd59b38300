"""The decision on a challenger, case by case: what is seen, what follows, and which criterion stands against it."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from data.base.errors import OtherImages, PipelineError
from data.records.dataset import Finding
from data.records.promotion import Decision
from data.records.training import Latency
from models.evaluation.predictions import name_columns
from models.promotion.decide import decide_promotion, recall_differences
from models.promotion.evidence import Evidence, ScoredModel
from models.promotion.policy import PromotionPolicy
from tests.support.seed_format import CLASSES

IMAGES = 2000
LABELS = np.arange(IMAGES) % len(CLASSES)
POLICY = PromotionPolicy()


def predict(right, labels=LABELS, certainty=0.8):
    """Return predictions that are right on some images, and on the others name the next class, with one certainty."""
    right = np.asarray(right)
    answers = np.where(right, labels, (labels + 1) % len(CLASSES))
    probabilities = np.full((len(labels), len(CLASSES)), (1 - certainty) / (len(CLASSES) - 1), np.float32)
    probabilities[np.arange(len(labels)), answers] = certainty
    frame = pd.DataFrame(probabilities, columns=name_columns(len(CLASSES)))
    frame.insert(0, "image_id", [f"validation/{number:05d}.jpg" for number in range(len(labels))])
    frame.insert(1, "part", "validation")
    frame.insert(2, "label", labels)
    return frame


def right_on(wrong_each: int, of=10, labels=LABELS):
    """Return (n,) booleans: wrong on so many of each `of` images of every class."""
    return (np.arange(len(labels)) // len(CLASSES)) % of >= wrong_each


def make_model(name, right, **changes) -> ScoredModel:
    fields: dict[str, Any] = {
        "variant": name,
        "key": f"key-of-{name}",
        "images": "clean",
        "predictions": predict(right),
        "latency": timed(2.0),
        "machine": "here",
    }
    return ScoredModel(**{**fields, **changes})


def timed(milliseconds):
    return Latency(single_milliseconds=milliseconds, batched_milliseconds=1.0, batch_images=64)


def find(severity, success=False):
    return Finding(rule="class_balance", severity=severity, success=success, observed=3, expected="2", message="3")


def make_evidence(challenger=None, champion=None, others=(), **changes) -> Evidence:
    """Return evidence for a challenger of 80 % that is right wherever the champion, of 70 %, is."""
    challenger = challenger or make_model("better", right_on(2))
    fields: dict[str, Any] = {
        "candidates": (challenger, *others),
        "challenger": challenger.key,
        "champion": champion or make_model("champion", right_on(3)),
        "findings": (find("info"), find("critical", success=True)),
        "reload_difference": 1e-6,
    }
    return Evidence(**{**fields, **changes})


def failed_names(decision: Decision) -> tuple[str, ...]:
    return tuple(criterion.name for criterion in decision.failed)


class Case(NamedTuple):
    evidence: Evidence
    outcome: str
    failed: tuple[str, ...] = ()
    policy: PromotionPolicy = POLICY


def worse_in_one_class(images):
    """Return booleans of 80 %, but wrong on so many more images of class 3."""
    right = right_on(2)
    right[np.flatnonzero((LABELS == 3) & right)[:images]] = False
    return right


CHAMPION = make_model("champion", right_on(3))
SLOW, UNTIMED = make_model("better", right_on(2), latency=timed(150.0)), make_model("better", right_on(2), latency=None)
SURE = make_model("better", right_on(2), predictions=predict(right_on(2), certainty=0.99))
ALL_RIGHT, ALL_WRONG = np.ones(IMAGES, bool), np.zeros(IMAGES, bool)
FEW = np.flatnonzero(~right_on(3))  # images on which the champion is wrong


def right_on_few_more(images):
    right = right_on(3)
    right[FEW[:images]] = True
    return right


THREE_CLASSES = np.arange(IMAGES) % 3


def of_three_classes(name, wrong):
    right = right_on(wrong, labels=THREE_CLASSES)
    return make_model(name, right, predictions=predict(right, THREE_CLASSES))


CASES = {
    "clearly better": Case(make_evidence(), "promote"),
    "clearly better, a person approves": Case(make_evidence(), "ask", policy=PromotionPolicy(approval="manual")),
    "a person is not asked about a loser": Case(
        make_evidence(make_model("worse", right_on(4))),
        "keep",
        ("accuracy_gain", "class_recall", "calibration_error"),
        PromotionPolicy(approval="manual"),
    ),
    "better, but by less than asked": Case(
        make_evidence(), "keep", ("accuracy_gain",), PromotionPolicy(minimum_gain=0.1)
    ),
    "better by more than asked": Case(make_evidence(), "promote", policy=PromotionPolicy(minimum_gain=0.08)),
    "better on four images, as chance is": Case(
        make_evidence(make_model("lucky", right_on_few_more(4))), "keep", ("accuracy_gain",)
    ),
    "better on five images and worse on none, alone": Case(
        make_evidence(make_model("lucky", right_on_few_more(5))), "promote"
    ),
    "better on five images, best of many": Case(
        make_evidence(
            make_model("lucky", right_on_few_more(5)),
            others=tuple(
                make_model(str(n), np.random.default_rng(n).permutation(right_on_few_more(5))) for n in range(8)
            ),
        ),
        "keep",
        ("accuracy_gain",),
    ),
    "alike on every image": Case(make_evidence(make_model("twin", right_on(3))), "keep", ("accuracy_gain",)),
    "right on all against wrong on all": Case(
        make_evidence(make_model("perfect", ALL_RIGHT), make_model("champion", ALL_WRONG)),
        "promote",
        policy=PromotionPolicy(largest_calibration_error=1),
    ),
    "the champion itself": Case(make_evidence(CHAMPION, CHAMPION), "keep", ("another_model",)),
    "the champion among the candidates": Case(make_evidence(others=(CHAMPION,)), "promote"),
    "one class loses 2.8 points": Case(make_evidence(make_model("better", worse_in_one_class(64))), "promote"),
    "one class loses 3.2 points": Case(
        make_evidence(make_model("better", worse_in_one_class(66))), "keep", ("class_recall",)
    ),
    "one class loses 3.2 points, 5 allowed": Case(
        make_evidence(make_model("better", worse_in_one_class(66))),
        "promote",
        policy=PromotionPolicy(largest_recall_loss=0.05),
    ),
    "too sure of itself": Case(make_evidence(SURE), "keep", ("calibration_error",)),
    "too slow in itself": Case(make_evidence(SLOW), "keep", ("latency", "latency_ratio")),
    "slow, and nobody minds": Case(
        make_evidence(SLOW),
        "promote",
        policy=PromotionPolicy(largest_latency_milliseconds=0, largest_latency_ratio=0),
    ),
    "twelve times as slow as the champion": Case(
        make_evidence(make_model("better", right_on(2), latency=timed(24.0))), "keep", ("latency_ratio",)
    ),
    "twelve times as slow as on another machine": Case(
        make_evidence(make_model("better", right_on(2), latency=timed(24.0), machine="there")), "promote"
    ),
    "twelve times as slow, machines unknown": Case(
        make_evidence(
            make_model("better", right_on(2), latency=timed(24.0), machine=""),
            make_model("champion", right_on(3), machine=""),
        ),
        "promote",
    ),
    "never timed": Case(make_evidence(UNTIMED), "keep", ("latency",)),
    "critical finding": Case(make_evidence(findings=(find("critical"),)), "keep", ("data_findings",)),
    "warning finding": Case(make_evidence(findings=(find("warning"),)), "promote"),
    "warning finding, refused": Case(
        make_evidence(findings=(find("warning"),)), "keep", ("data_findings",), PromotionPolicy(refuse_on_warning=True)
    ),
    "data never checked": Case(make_evidence(findings=()), "keep", ("data_findings",)),
    "export differs": Case(make_evidence(reload_difference=0.01), "keep", ("reload_difference",)),
    "export does not load": Case(make_evidence(reload_difference=None), "keep", ("reload_difference",)),
    "export answers NaN": Case(make_evidence(reload_difference=float("nan")), "keep", ("reload_difference",)),
    "a class is missing in validation": Case(
        make_evidence(of_three_classes("better", 2), of_three_classes("champion", 3)), "keep", ("classes_present",)
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_decisions_case_by_case(name):
    case = CASES[name]
    decision = decide_promotion(case.policy, case.evidence)
    assert (decision.outcome, failed_names(decision)) == (case.outcome, case.failed)
    assert decision.challenger.key == case.evidence.challenger
    assert decision.champion is not None and decision.champion.key == "key-of-champion"
    assert Decision.model_validate_json(decision.model_dump_json()) == decision
    for criterion in decision.failed:
        assert criterion.message.endswith(".") and criterion.message.count("\n") == 0


FIRST_CASES = {
    # The most frequent class has a quarter of the images.
    "far above": (right_on(2), "promote", ()),
    "above, but not by the margin": (right_on(7), "keep", ("gain_over_most_frequent_class",)),
    "always the same class": (LABELS == 0, "keep", ("gain_over_most_frequent_class",)),
}


@pytest.mark.parametrize("name", FIRST_CASES)
def test_a_first_champion_has_to_be_better_than_the_most_frequent_class(name):
    right, outcome, failed = FIRST_CASES[name]
    model = make_model("first", right)
    evidence = Evidence((model,), model.key, None, (find("info"),), 0.0)
    decision = decide_promotion(PromotionPolicy(largest_calibration_error=1), evidence)
    assert (decision.outcome, failed_names(decision), decision.champion) == (outcome, failed, None)
    assert "class_recall" not in [criterion.name for criterion in decision.criteria]


FIRST = make_model("first", right_on(3))
LENIENT = PromotionPolicy(largest_calibration_error=1)
GAIN = "+10.00 points of accuracy, with 95 % confidence at least +8.79, on 2,000 images"
FIRST_GAIN = "+45.00 points of accuracy, with 95 % confidence at least +42.10, on 2,000 images"
SUMMARIES = [
    (
        POLICY,
        make_evidence(),
        f"better (key-of-better) is promoted in place of champion (key-of-champion): {GAIN}; all 9 criteria hold.",
    ),
    (
        PromotionPolicy(approval="manual"),
        make_evidence(),
        "better (key-of-better) waits for approval in place of champion (key-of-champion): "
        f"{GAIN}; all 9 criteria hold.",
    ),
    (
        POLICY,
        make_evidence(make_model("worse", right_on(4))),
        "champion (key-of-champion) stays: worse (key-of-worse) fails 3 of 9 criteria (accuracy_gain, class_recall, "
        "calibration_error); -10.00 points of accuracy, with 95 % confidence at least -11.21, on 2,000 images.",
    ),
    (
        LENIENT,
        Evidence((FIRST,), FIRST.key, None, (find("info"),), 0.0),
        f"first (key-of-first) is promoted as the first champion: {FIRST_GAIN}; all 7 criteria hold.",
    ),
    (
        LENIENT,
        Evidence((FIRST,), FIRST.key, None, (), 0.0),
        "There is still no champion: first (key-of-first) fails 1 of 7 criteria (data_findings); " + f"{FIRST_GAIN}.",
    ),
    (POLICY, make_evidence(CHAMPION, CHAMPION), "Nothing changes: champion (key-of-champion) is the champion already."),
]


@pytest.mark.parametrize(("policy", "evidence", "summary"), SUMMARIES)
def test_the_summary_names_outcome_gain_and_failed_criteria(policy, evidence, summary):
    assert decide_promotion(policy, evidence).summary == summary


def test_figures_of_the_decision_are_those_of_the_predictions():
    decision = decide_promotion(POLICY, make_evidence(make_model("better", worse_in_one_class(66))))
    of = {criterion.name: criterion for criterion in decision.criteria}
    gain = 0.1 - 66 / IMAGES
    assert 0 < of["accuracy_gain"].observed < gain  # type: ignore[operator]
    assert f"{100 * gain:+.2f} points" in of["accuracy_gain"].message
    assert of["class_recall"].observed == pytest.approx(0.1 - 66 / 500)
    assert "surprise" in of["class_recall"].message
    assert of["calibration_error"].observed == pytest.approx(abs(0.8 - (0.8 - 66 / IMAGES)), abs=1e-6)
    assert of["latency_ratio"].observed == 1.0
    assert (decision.candidates, decision.images) == (1, IMAGES)


def test_the_bound_counts_every_candidate_but_the_champion():
    rivals = tuple(make_model(str(n), np.random.default_rng(n).random(IMAGES) < 0.75) for n in range(8))
    alone = decide_promotion(POLICY, make_evidence())
    many = decide_promotion(POLICY, make_evidence(others=(*rivals, CHAMPION)))
    assert many.candidates == 9
    assert many.criteria[0].observed < alone.criteria[0].observed  # type: ignore[operator]


def test_the_order_of_images_does_not_matter():
    evidence = make_evidence()
    shuffled = make_model("champion", right_on(3), predictions=predict(right_on(3)).sample(frac=1, random_state=1))
    assert decide_promotion(POLICY, make_evidence(champion=shuffled)) == decide_promotion(POLICY, evidence)


def other_labels():
    frame = predict(right_on(3))
    frame.loc[0, "label"] = 2
    return frame


@pytest.mark.parametrize(
    "champion",
    [
        make_model("champion", right_on(3), images="last week's"),
        make_model("champion", right_on(3), predictions=predict(right_on(3)).head(100)),
        make_model("champion", right_on(3), predictions=other_labels()),
    ],
    ids=["other pixels", "fewer images", "another label"],
)
def test_a_champion_scored_on_other_images_has_to_be_scored_again(champion):
    with pytest.raises(OtherImages, match="score it again first"):
        decide_promotion(POLICY, make_evidence(champion=champion))


def with_nan():
    frame = predict(right_on(2))
    frame.loc[:2, "probability_1"] = np.nan
    return frame


def replace_predictions(name, frame):
    return make_model(name, right_on(2), predictions=frame)


BAD_EVIDENCE = {
    "no candidates": (make_evidence(candidates=()), "of the candidates"),
    "another challenger": (replace(make_evidence(), challenger="unknown"), "got challenger 'unknown'"),
    "one twice": (make_evidence(others=(make_model("better", right_on(2)),)), "to be listed once"),
    "candidates on other images": (
        make_evidence(others=(make_model("other", right_on(2), images="others"),)),
        "predictions of other on other validation images",
    ),
    "no images": (
        make_evidence(replace_predictions("better", predict(right_on(2)).head(0))),
        "no validation",
    ),
    "NaN": (
        make_evidence(replace_predictions("better", with_nan())),
        "got 3 of 2,000 predictions of better",
    ),
    "NaN of the champion": (
        make_evidence(champion=replace_predictions("champion", with_nan())),
        "predictions of champion",
    ),
}


@pytest.mark.parametrize("name", BAD_EVIDENCE)
def test_evidence_that_is_none_is_named(name):
    evidence, message = BAD_EVIDENCE[name]
    with pytest.raises(PipelineError, match=message):
        decide_promotion(POLICY, evidence)


def test_recall_differences_by_hand():
    labels = np.array([0, 0, 0, 0, 1, 1, 3])
    ours, theirs = np.array([1, 1, 1, 0, 0, 1, 1], bool), np.array([1, 0, 0, 0, 1, 1, 1], bool)
    np.testing.assert_allclose(recall_differences(labels, ours, theirs, 4), [0.5, -0.5, np.nan, 0.0])


@pytest.mark.parametrize("field", [{"minimum_gain": -0.1}, {"approval": "perhaps"}, {"largest_recall_los": 0.1}])
def test_a_policy_out_of_bounds_is_refused(field):
    with pytest.raises(ValidationError):
        PromotionPolicy(**field)


def test_every_field_of_the_form_is_explained_and_bounded():
    for name, field in PromotionPolicy.model_json_schema()["properties"].items():
        assert field["description"] and "default" in field, name
        assert field["type"] == "boolean" or "enum" in field or {"minimum", "maximum"} <= set(field), name
