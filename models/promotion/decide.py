"""Promotion decision: a pure function from policy and evidence to a decision with reasons."""

import math
from collections.abc import Sequence

import numpy as np

from data.records.dataset import NOT_CHECKED, Finding
from data.records.promotion import Criterion, Decision, Outcome
from data.records.training import Latency
from data.records.truths import judged_by
from models.evaluation.calibration import expected_calibration_error
from models.evaluation.predictions import probabilities_of
from models.promotion.evidence import Evidence, PairedAnswers, ScoredModel, find_challenger, line_up, sorted_predictions
from models.promotion.policy import PromotionPolicy

FLOAT_TOLERANCE = 1e-9
"""A loss that exceeds its limit only by float rounding passes."""


def decide_promotion(policy: PromotionPolicy, evidence: Evidence) -> Decision:
    """Judge a challenger by every criterion of a policy.

    Args:
        policy: the criteria.
        evidence: the measurements; the images of its frames may be in any order.

    Returns:
        The outcome "promote" if all criteria hold, or "ask" if approval is manual; "keep" if a criterion fails or if
        the challenger is the champion.

    Raises:
        OtherImages: the champion was scored on other images.
        PipelineError: the evidence is invalid: no candidates or images, candidates scored on different images, or
            values that are not probabilities.
    """
    challenger = find_challenger(evidence)
    champion = evidence.champion
    if champion is not None and champion.key == challenger.key:
        return _keep_itself(challenger, evidence)
    paired = line_up(evidence, challenger)
    criteria = (
        _judge_gain(policy, paired),
        *_judge_classes(policy, paired),
        _judge_calibration(policy, paired),
        *_judge_latency(policy, paired),
        _judge_data(policy, evidence.findings),
        _judge_reload(policy, evidence.reload_difference),
        *_judge_history(paired, evidence.rolled_back),
        *_judge_choice(paired),
    )
    met: Outcome = "promote" if policy.approval == "auto" else "ask"
    outcome = met if all(criterion.passed for criterion in criteria) else "keep"
    return Decision(
        outcome=outcome,
        challenger=challenger.identity,
        champion=champion.identity if champion else None,
        candidates=paired.candidates,
        images=len(paired.labels),
        truth=evidence.truth,
        criteria=criteria,
        summary=_summarise(outcome, paired, criteria),
    )


def recall_differences(labels: np.ndarray, correct: np.ndarray, opponent: np.ndarray, classes: int) -> np.ndarray:
    """Compute the recall of each class minus the opponent's.

    Args:
        labels: (n,) indices of classes.
        correct: (n,) booleans, whether the model is right on each image.
        opponent: (n,) booleans, whether the other model is.
        classes: number of classes.

    Returns:
        (classes,) floats -1..1, NaN for a class without an image.
    """
    images = np.bincount(labels, minlength=classes).astype(np.float64)
    sums = np.bincount(labels, weights=correct.astype(np.int8) - opponent.astype(np.int8), minlength=classes)
    return np.divide(sums, images, out=np.full(classes, np.nan), where=images > 0)


def _keep_itself(challenger: ScoredModel, evidence: Evidence) -> Decision:
    message = f"{challenger.name} is the champion already."
    criterion = Criterion(
        name="another_model", passed=False, observed=challenger.key, limit="another model's key", message=message
    )
    return Decision(
        outcome="keep",
        challenger=challenger.identity,
        champion=challenger.identity,
        candidates=len(evidence.candidates),
        images=len(challenger.predictions),
        truth=evidence.truth,
        criteria=(criterion,),
        summary=f"Nothing changes: {message}",
    )


def _judge_gain(policy: PromotionPolicy, paired: PairedAnswers) -> Criterion:
    limit = policy.minimum_gain if paired.champion else policy.first_margin
    others = f"{paired.champion.variant}'s" if paired.champion else "the most frequent class's share of"
    chosen = f"as the best of {paired.candidates}" if paired.candidates > 1 else "as the only candidate"
    return Criterion(
        name="accuracy_gain" if paired.champion else "gain_over_most_frequent_class",
        passed=paired.gain_low > limit,
        observed=paired.gain_low,
        limit=limit,
        message=(
            f"The accuracy {paired.correct.mean():.1%} differs by {_points(paired.gain)} points from {others} "
            f"{paired.opponent.mean():.1%} on {_images(paired)}, {chosen} with 95 % confidence at least "
            f"{_points(paired.gain_low)}; it has to be above {_points(limit)}."
        ),
    )


def _judge_classes(policy: PromotionPolicy, paired: PairedAnswers) -> list[Criterion]:
    """Judge whether validation shows every class and whether no recall is much below the champion's."""
    images = np.bincount(paired.labels, minlength=len(paired.classes))
    absent = [name for name, count in zip(paired.classes, images, strict=True) if not count]
    seen = Criterion(
        name="classes_present",
        passed=not absent,
        observed=float(len(paired.classes) - len(absent)),
        limit=float(len(paired.classes)),
        message=(
            f"No validation image shows {', '.join(absent)}, so nothing is known of its recall."
            if absent
            else f"Validation shows all {len(paired.classes)} classes, the rarest in {images.min():,} images."
        ),
    )
    return [seen, _judge_recall(policy, paired, images)] if paired.champion else [seen]


def _judge_recall(policy: PromotionPolicy, paired: PairedAnswers, images: np.ndarray) -> Criterion:
    differences = recall_differences(paired.labels, paired.correct, paired.opponent, len(paired.classes))
    worst = int(np.nanargmin(differences))
    of_class = paired.labels == worst
    recall, theirs = paired.correct[of_class].mean(), paired.opponent[of_class].mean()
    return Criterion(
        name="class_recall",
        passed=bool(differences[worst] >= -policy.largest_recall_loss - FLOAT_TOLERANCE),
        observed=float(differences[worst]),
        limit=-policy.largest_recall_loss,
        message=(
            f"The recall that compares worst is that of {paired.classes[worst]}, {recall:.1%} against {theirs:.1%} on "
            f"{images[worst]:,} images: {_points(differences[worst])} points, and "
            f"{_points(-policy.largest_recall_loss)} are allowed."
        ),
    )


def _judge_calibration(policy: PromotionPolicy, paired: PairedAnswers) -> Criterion:
    probabilities = probabilities_of(sorted_predictions(paired.challenger)).astype(np.float64)
    error, limit = expected_calibration_error(paired.labels, probabilities), policy.largest_calibration_error
    return Criterion(
        name="calibration_error",
        passed=error <= limit,
        observed=error,
        limit=limit,
        message=f"The expected calibration error is {error:.3f}, and {limit:.3f} is allowed.",
    )


def _judge_latency(policy: PromotionPolicy, paired: PairedAnswers) -> list[Criterion]:
    """Judge the time of one image and its ratio to the champion's, each if the policy limits it."""
    latency = paired.challenger.latency
    criteria = []
    if policy.largest_latency_milliseconds:
        criteria.append(_judge_absolute_latency(policy.largest_latency_milliseconds, latency))
    if policy.largest_latency_ratio and paired.champion:
        criteria.append(_judge_latency_ratio(policy.largest_latency_ratio, paired.challenger, paired.champion))
    return criteria


def _judge_absolute_latency(limit: float, latency: Latency | None) -> Criterion:
    observed = latency.single_milliseconds if latency else "not measured"
    seen = f"takes {latency.single_milliseconds:.1f} ms" if latency else "was not timed"
    return Criterion(
        name="latency",
        passed=isinstance(observed, float) and observed <= limit,
        observed=observed,
        limit=limit,
        message=f"One image alone {seen}, and {limit:g} ms are allowed.",
    )


def _judge_latency_ratio(limit: float, challenger: ScoredModel, champion: ScoredModel) -> Criterion:
    """Judge a ratio of times; it passes if the times come from different machines."""
    observed: float | str = "not comparable"
    message = (
        f"The latencies of {challenger.variant} and {champion.variant} were not measured on one machine with as many "
        "threads, so that they are not compared."
    )
    if challenger.latency and champion.latency and challenger.machine == champion.machine != "":
        spent, theirs = challenger.latency.single_milliseconds, champion.latency.single_milliseconds
        observed = spent / theirs if theirs else math.inf
        message = (
            f"One image alone takes {spent:.1f} ms against {champion.variant}'s {theirs:.1f} ms on the same machine, "
            f"and {limit:g} times as long is allowed."
        )
    passed = isinstance(observed, str) or observed <= limit
    return Criterion(name="latency_ratio", passed=passed, observed=observed, limit=limit, message=message)


def _judge_data(policy: PromotionPolicy, findings: Sequence[Finding]) -> Criterion:
    refused = ("critical", "warning") if policy.refuse_on_warning else ("critical",)
    failed = [finding for finding in findings if not finding.success and finding.severity in refused]
    named = ", ".join(f"{finding.rule} ({finding.severity})" for finding in failed)
    if failed:
        message = f"The data has findings that the policy refuses: {named}."
    elif findings:
        message = f"None of the {len(findings)} checks of the data has a {' or '.join(refused)} finding."
    else:
        message = "The data was not checked."
    return Criterion(
        name="data_findings",
        passed=bool(findings) and not failed,
        observed=float(len(failed)) if findings else NOT_CHECKED,
        limit=0.0,
        message=message,
    )


def _judge_reload(policy: PromotionPolicy, difference: float | None) -> Criterion:
    limit = policy.largest_reload_difference
    observed: float | str = "not reproduced"
    message = "The exported model could not be loaded again and asked."
    if difference is not None and math.isfinite(difference):
        observed = float(difference)
        message = (
            f"The exported model, loaded again, is off its stored predictions by at most {difference:.1g}, and "
            f"{limit:.1g} is allowed."
        )
    passed = isinstance(observed, float) and observed <= limit
    return Criterion(name="reload_difference", passed=passed, observed=observed, limit=limit, message=message)


def _judge_history(paired: PairedAnswers, rolled_back: frozenset[str]) -> list[Criterion]:
    """Judge that no rollback removed the challenger, and that generated images do not replace real ones."""
    challenger, champion = paired.challenger, paired.champion
    refused = challenger.key in rolled_back
    refusal = "was taken out of use by a rollback; a person alone promotes it again"
    criteria = [
        Criterion(
            name="not_rolled_back",
            passed=not refused,
            observed=float(refused),
            limit=0.0,
            message=f"{challenger.name} {refusal if refused else 'was not rolled back'}.",
        )
    ]
    if champion and challenger.synthetic:
        kind = "generated" if champion.synthetic else "real"
        criteria.append(
            Criterion(
                name="kind_of_images",
                passed=champion.synthetic,
                observed="generated",
                limit=kind,
                message=f"{challenger.variant} was trained on generated images, {champion.variant} on {kind} ones.",
            )
        )
    return criteria


def _judge_choice(paired: PairedAnswers) -> list[Criterion]:
    """Refuse a challenger whose epoch was chosen by the judged images: no bound on its gain covers that choice."""
    challenger = paired.challenger
    if not challenger.chosen_on_judged:
        return []
    message = (
        f"The epoch of {challenger.variant} was chosen by the validation images, which makes its accuracy look better "
        "than it is: train it with monitor selection."
    )
    return [
        Criterion(
            name="epoch_chosen_elsewhere", passed=False, observed="validation", limit="selection", message=message
        )
    ]


def _summarise(outcome: Outcome, paired: PairedAnswers, criteria: Sequence[Criterion]) -> str:
    """Summarise the decision in one sentence: outcome, gain, and criteria that fail."""
    name, champion = paired.challenger.name, paired.champion
    place = f"in place of {champion.name}" if champion else "as the first champion"
    failed = [criterion.name for criterion in criteria if not criterion.passed]
    figures = (
        f"{_points(paired.gain)} points of accuracy, with 95 % confidence at least {_points(paired.gain_low)}, "
        f"on {_images(paired)}"
    )
    if outcome == "promote":
        return f"{name} is promoted {place}: {figures}; all {len(criteria)} criteria hold."
    if outcome == "ask":
        return f"{name} waits for approval {place}: {figures}; all {len(criteria)} criteria hold."
    stays = f"{champion.name} stays" if champion else "There is still no champion"
    return f"{stays}: {name} fails {len(failed)} of {len(criteria)} criteria ({', '.join(failed)}); {figures}."


def _images(paired: PairedAnswers) -> str:
    """Name the images that were judged, and the labels that they were judged by unless these are the published ones."""
    return f"{len(paired.labels):,} images{judged_by(paired.truth, ' ')}"


def _points(difference: float) -> str:
    """Format a difference of two rates as signed percentage points."""
    return f"{100 * difference:+.2f}"
