"""Each criterion of a decision: its figures, its sentence, and what happens exactly at its limit."""

import math
import re

import numpy as np
import pandas as pd
import pytest

from data.base.paths import PROJECT_ROOT
from data.records.dataset import NOT_CHECKED, Finding
from data.records.promotion import Criterion
from models.evaluation.predictions import name_columns
from models.promotion.decide import decide_promotion
from models.promotion.evidence import Evidence, find_challenger, line_up
from models.promotion.policy import PromotionPolicy
from tests.models.promotion.test_decide import (
    IMAGES,
    LABELS,
    POLICY,
    find,
    make_evidence,
    make_model,
    predict,
    right_on,
    timed,
    worse_in_one_class,
)
from tests.support.seed_format import CLASSES


def criteria_of(evidence: Evidence, **policy) -> dict[str, Criterion]:
    decision = decide_promotion(PromotionPolicy(**policy), evidence)
    return {criterion.name: criterion for criterion in decision.criteria}


def first_of(model) -> Evidence:
    """Return evidence for a first champion."""
    return Evidence((model,), model.key, None, (find("info"),), 0.0)


BETTER, CHAMPION = make_model("better", right_on(2)), make_model("champion", right_on(3))
RIVAL = make_model("rival", np.random.default_rng(0).permutation(right_on(3)))
SLOWER = make_model("better", right_on(2), latency=timed(15.04))
NO_SURPRISE = np.arange(IMAGES) % 3
UNSEEN = predict(right_on(2, labels=NO_SURPRISE), NO_SURPRISE)
UNSEEN_TWICE = predict(right_on(2, labels=LABELS % 2), LABELS % 2)
GENERATED = make_model("better", right_on(2), synthetic=True)
BY_GENERATED = make_model("champion", right_on(3), synthetic=True)
PEEKING = make_model("better", right_on(2), chosen_on_judged=True)

SENTENCES = {
    "the only candidate": (
        make_evidence(),
        {"minimum_gain": 0.005},
        "accuracy_gain",
        "The accuracy 80.0% differs by +10.00 points from champion's 70.0% on 2,000 images, as the only candidate with "
        "95 % confidence at least +8.79; it has to be above +0.50.",
    ),
    "worse than the champion": (
        make_evidence(make_model("worse", right_on(4))),
        {},
        "accuracy_gain",
        "The accuracy 60.0% differs by -10.00 points from champion's 70.0% on 2,000 images, as the only candidate with "
        "95 % confidence at least -11.21; it has to be above +0.00.",
    ),
    "without a champion": (
        first_of(make_model("first", right_on(3))),
        {},
        "gain_over_most_frequent_class",
        "The accuracy 70.0% differs by +45.00 points from the most frequent class's share of 25.0% on 2,000 images, as "
        "the only candidate with 95 % confidence at least +42.10; it has to be above +5.00.",
    ),
    "every class seen": (
        make_evidence(),
        {},
        "classes_present",
        "Validation shows all 4 classes, the rarest in 500 images.",
    ),
    "one class not seen": (
        first_of(make_model("first", True, predictions=UNSEEN)),
        {},
        "classes_present",
        "No validation image shows surprise, so nothing is known of its recall.",
    ),
    "two classes not seen": (
        first_of(make_model("first", True, predictions=UNSEEN_TWICE)),
        {},
        "classes_present",
        f"No validation image shows {CLASSES[2]}, {CLASSES[3]}, so nothing is known of its recall.",
    ),
    "recall of the class that loses most": (
        make_evidence(make_model("better", worse_in_one_class(66))),
        {"largest_recall_loss": 0.02},
        "class_recall",
        "The recall that compares worst is that of surprise, 66.8% against 70.0% on 500 images: -3.20 points, and "
        "-2.00 are allowed.",
    ),
    "calibration": (
        make_evidence(make_model("better", right_on(2), predictions=predict(right_on(2), certainty=0.95))),
        {"largest_calibration_error": 0.125},
        "calibration_error",
        "The expected calibration error is 0.150, and 0.125 is allowed.",
    ),
    "latency": (
        make_evidence(SLOWER),
        {"largest_latency_milliseconds": 12.5},
        "latency",
        "One image alone takes 15.0 ms, and 12.5 ms are allowed.",
    ),
    "not timed": (
        make_evidence(make_model("better", right_on(2), latency=None)),
        {},
        "latency",
        "One image alone was not timed, and 100 ms are allowed.",
    ),
    "latency ratio": (
        make_evidence(SLOWER),
        {"largest_latency_ratio": 2.5},
        "latency_ratio",
        "One image alone takes 15.0 ms against champion's 2.0 ms on the same machine, and 2.5 times as long is "
        "allowed.",
    ),
    "latency on another machine": (
        make_evidence(make_model("better", right_on(2), machine="there")),
        {},
        "latency_ratio",
        "The latencies of better and champion were not measured on one machine with as many threads, so that they are "
        "not compared.",
    ),
    "refused findings": (
        make_evidence(findings=(find("critical"), find("warning"), find("info"), find("critical", success=True))),
        {"refuse_on_warning": True},
        "data_findings",
        "The data has findings that the policy refuses: class_balance (critical), class_balance (warning).",
    ),
    "no critical finding": (
        make_evidence(findings=(find("info"), find("warning"))),
        {},
        "data_findings",
        "None of the 2 checks of the data has a critical finding.",
    ),
    "neither critical nor warning": (
        make_evidence(findings=(find("info"),)),
        {"refuse_on_warning": True},
        "data_findings",
        "None of the 1 checks of the data has a critical or warning finding.",
    ),
    "not checked": (make_evidence(findings=()), {}, "data_findings", "The data was not checked."),
    "reloaded": (
        make_evidence(reload_difference=0.00204),
        {"largest_reload_difference": 0.02},
        "reload_difference",
        "The exported model, loaded again, is off its stored predictions by at most 0.002, and 0.02 is allowed.",
    ),
    "not reloaded": (
        make_evidence(reload_difference=None),
        {},
        "reload_difference",
        "The exported model could not be loaded again and asked.",
    ),
    "never rolled back": (make_evidence(), {}, "not_rolled_back", "better (key-of-better) was not rolled back."),
    "rolled back": (
        make_evidence(rolled_back=frozenset({"key-of-better", "another"})),
        {},
        "not_rolled_back",
        "better (key-of-better) was taken out of use by a rollback; a person alone promotes it again.",
    ),
    "generated images against real ones": (
        make_evidence(GENERATED),
        {},
        "kind_of_images",
        "better was trained on generated images, champion on real ones.",
    ),
    "generated images against generated ones": (
        make_evidence(GENERATED, BY_GENERATED),
        {},
        "kind_of_images",
        "better was trained on generated images, champion on generated ones.",
    ),
    "an epoch chosen by the judged images": (
        make_evidence(PEEKING),
        {},
        "epoch_chosen_elsewhere",
        "The epoch of better was chosen by the validation images, which makes its accuracy look better than it is: "
        "train it with monitor selection.",
    ),
    "the champion itself": (
        make_evidence(CHAMPION, CHAMPION),
        {},
        "another_model",
        "champion (key-of-champion) is the champion already.",
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_the_sentence_of_a_criterion_has_its_figures(name):
    evidence, policy, criterion, sentence = SENTENCES[name]
    assert criteria_of(evidence, **policy)[criterion].message == sentence


def test_the_sentence_on_the_gain_counts_the_candidates():
    message = criteria_of(make_evidence(others=(RIVAL, make_model("third", right_on(5)))))["accuracy_gain"].message
    assert ", as the best of 3 with 95 % confidence at least +" in message
    assert ", as the best of 2 with" in criteria_of(make_evidence(others=(RIVAL, CHAMPION)))["accuracy_gain"].message


FIGURES = {
    "classes": (make_evidence(), {}, "classes_present", (True, 4.0, 4.0)),
    "classes not seen": (first_of(make_model("first", True, predictions=UNSEEN)), {}, "classes_present", (False, 3, 4)),
    "findings": (make_evidence(), {}, "data_findings", (True, 0.0, 0.0)),
    "two of three": (
        make_evidence(findings=(find("critical"), find("critical"), find("info"))),
        {},
        "data_findings",
        (False, 2.0, 0.0),
    ),
    "not checked": (make_evidence(findings=()), {}, "data_findings", (False, NOT_CHECKED, 0.0)),
    "not timed": (
        make_evidence(make_model("better", right_on(2), latency=None)),
        {},
        "latency",
        (False, "not measured", 100.0),
    ),
    "champion not timed": (
        make_evidence(champion=make_model("champion", right_on(3), latency=None)),
        {},
        "latency_ratio",
        (True, "not comparable", 10.0),
    ),
    "challenger not timed": (
        make_evidence(make_model("better", right_on(2), latency=None)),
        {},
        "latency_ratio",
        (True, "not comparable", 10.0),
    ),
    "champion in no time": (
        make_evidence(champion=make_model("champion", right_on(3), latency=timed(0.0))),
        {},
        "latency_ratio",
        (False, math.inf, 10.0),
    ),
    "ratio": (make_evidence(SLOWER), {"largest_latency_ratio": 8}, "latency_ratio", (True, 15.04 / 2, 8.0)),
    "not reloaded": (
        make_evidence(reload_difference=math.inf),
        {},
        "reload_difference",
        (False, "not reproduced", 0.001),
    ),
    "reloaded without a difference": (make_evidence(reload_difference=0), {}, "reload_difference", (True, 0.0, 0.001)),
    "never rolled back": (make_evidence(rolled_back=frozenset({"k"})), {}, "not_rolled_back", (True, 0.0, 0.0)),
    "rolled back": (
        make_evidence(rolled_back=frozenset({"key-of-better"})),
        {},
        "not_rolled_back",
        (False, 1.0, 0.0),
    ),
    "generated against real": (make_evidence(GENERATED), {}, "kind_of_images", (False, "generated", "real")),
    "generated twice": (
        make_evidence(GENERATED, BY_GENERATED),
        {},
        "kind_of_images",
        (True, "generated", "generated"),
    ),
    "chosen by the judged images": (
        make_evidence(PEEKING),
        {},
        "epoch_chosen_elsewhere",
        (False, "validation", "selection"),
    ),
    "champion itself": (
        make_evidence(CHAMPION, CHAMPION),
        {},
        "another_model",
        (False, "key-of-champion", "another model's key"),
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_criterion_shows_what_it_compares(name):
    evidence, policy, criterion, figures = FIGURES[name]
    found = criteria_of(evidence, **policy)[criterion]
    assert (found.passed, found.observed, found.limit) == figures


EVEN = pd.DataFrame(0.25, index=range(IMAGES), columns=name_columns(len(CLASSES))).assign(
    image_id=[f"validation/{number:05d}.jpg" for number in range(IMAGES)], label=LABELS
)
LIMITS = {
    # a criterion that passes up to its limit: evidence, field, and the value observed
    "calibration": (
        make_evidence(make_model("better", right_on(2), predictions=EVEN.assign(probability_0=0.5))),
        "largest_calibration_error",
        "calibration_error",
        0.25,
    ),
    "latency": (make_evidence(SLOWER), "largest_latency_milliseconds", "latency", 15.04),
    "latency ratio": (
        make_evidence(make_model("better", right_on(2), latency=timed(15.0))),
        "largest_latency_ratio",
        "latency_ratio",
        7.5,
    ),
    "reload": (make_evidence(reload_difference=0.25), "largest_reload_difference", "reload_difference", 0.25),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_value_at_its_limit_passes_and_one_beyond_fails(name):
    evidence, field, criterion, value = LIMITS[name]
    at, beyond = (
        criteria_of(evidence, **{field: limit})[criterion] for limit in (value, float(np.nextafter(value, 0)))
    )
    assert (at.observed, at.limit, at.passed, beyond.passed) == (value, value, True, False)


@pytest.mark.parametrize(
    ("evidence", "field", "criterion"),
    [
        (make_evidence(), "minimum_gain", "accuracy_gain"),
        (first_of(make_model("first", right_on(3))), "first_margin", "gain_over_most_frequent_class"),
    ],
)
def test_a_gain_has_to_be_above_its_limit(evidence, field, criterion):
    bound = line_up(evidence, find_challenger(evidence)).gain_low
    at, below = (criteria_of(evidence, **{field: limit})[criterion] for limit in (bound, float(np.nextafter(bound, 0))))
    assert (at.observed, at.limit, at.passed, below.passed) == (bound, bound, False, True)


@pytest.mark.parametrize(("lost", "limit", "passed"), [(65, 0.03, True), (66, 0.03, False), (65, 0.029999, False)])
def test_a_loss_of_recall_of_exactly_the_limit_passes_whatever_floats_make_of_it(lost, limit, passed):
    """The challenger gains 50 images of the class and loses `lost`: 65 are 3 points of its 500 images."""
    criterion = criteria_of(make_evidence(make_model("better", worse_in_one_class(lost))), largest_recall_loss=limit)[
        "class_recall"
    ]
    assert criterion.observed == pytest.approx((50 - lost) / 500)
    assert (criterion.passed, criterion.limit) == (passed, -limit)


def test_without_a_limit_nothing_is_judged():
    everything = criteria_of(make_evidence())
    unlimited = criteria_of(make_evidence(), largest_latency_milliseconds=0, largest_latency_ratio=0)
    assert set(everything) - set(unlimited) == {"latency", "latency_ratio"}
    certain = make_model("better", right_on(2), predictions=predict(right_on(10), certainty=1.0))
    assert criteria_of(make_evidence(certain), largest_calibration_error=1)["calibration_error"].passed
    assert "latency_ratio" not in criteria_of(first_of(make_model("first", right_on(3))))


def test_a_model_of_real_images_may_replace_one_of_generated_images():
    assert "kind_of_images" not in criteria_of(make_evidence(champion=BY_GENERATED))
    assert "kind_of_images" not in criteria_of(first_of(make_model("first", right_on(3), synthetic=True)))


def test_the_champion_is_not_judged_against_itself():
    decision = decide_promotion(POLICY, make_evidence(CHAMPION, CHAMPION, others=(RIVAL,)))
    assert decision.challenger == decision.champion == CHAMPION.identity
    assert (decision.outcome, decision.candidates, decision.images) == ("keep", 2, IMAGES)
    assert [criterion.name for criterion in decision.criteria] == ["another_model"]


def test_recall_is_not_compared_for_a_class_without_images():
    """The last class has no image, so the loss of another one is the largest."""
    right = right_on(2, labels=NO_SURPRISE)
    right[np.flatnonzero((NO_SURPRISE == 1) & right)[:120]] = False
    model = make_model("better", True, predictions=predict(right, NO_SURPRISE))
    champion = make_model("champion", True, predictions=predict(right_on(3, labels=NO_SURPRISE), NO_SURPRISE))
    criterion = criteria_of(make_evidence(model, champion))["class_recall"]
    assert CLASSES[1] in criterion.message and criterion.observed < 0  # type: ignore[operator]


def test_a_finding_is_named_by_its_rule():
    other = Finding(rule="no_leak", severity="critical", success=False, observed=1, expected="0", message="1")
    message = criteria_of(make_evidence(findings=(find("critical"), other)))["data_findings"].message
    assert message.endswith(": class_balance (critical), no_leak (critical).")


def test_a_better_challenger_has_a_higher_bound():
    bounds = [
        criteria_of(make_evidence(make_model("better", right_on(wrong))))["accuracy_gain"].observed
        for wrong in (4, 3, 2, 1)
    ]
    assert bounds == sorted(set(bounds))  # type: ignore[type-var]


def test_the_document_lists_the_criteria():
    document = (PROJECT_ROOT / "docs" / "promotion.md").read_text(encoding="utf-8")
    table = document[document.index("## What is asked") : document.index("- **Same images.**")]
    listed = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)
    first = first_of(make_model("first", right_on(3)))
    judged = {name for one in (GENERATED, PEEKING) for name in criteria_of(make_evidence(one))} | {*criteria_of(first)}
    assert sorted(listed) == sorted(judged)
