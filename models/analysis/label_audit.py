"""Audit of labels with out-of-sample probabilities: suspected labels, and the noise of each class.

Source: confident learning (Northcutt, Jiang and Chuang, 2021, "Confident Learning: Estimating Uncertainty in Dataset
Labels", Journal of Artificial Intelligence Research 70) in the implementation of cleanlab. A suspect may be labelled
correctly: the errors of the variants that give the probabilities are among the suspects too.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.base.data_format import SEED_FORMAT
from data.base.errors import PipelineError
from data.records.label_audit import Candidate, LabelAudit, Suspect
from data.records.training import PartMetrics, VariantResult
from models.analysis.label_doubts import Doubts, doubt_alone, doubt_with_answers, match_answers
from models.analysis.label_sample import LabelSample
from models.evaluation.metrics import measure_part
from models.evaluation.predictions import probabilities_of, probability_columns
from models.evaluation.skill import can_judge_labels, largest_share, least_accuracy, measure_skill
from models.jobs.files import PREDICTIONS_NAME

AUDITED_PARTS = ("selection", "validation", "test")
"""No variant is trained on these parts, so its probabilities for their images are out of sample."""

ENOUGH_PROBABILITY, MOST_CANDIDATES = 0.9, 3
"""A suspect has as many candidate classes as together have this probability, and no more than so many."""


def audit_labels(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.floating],
    image_ids: Sequence[str],
    classes: Sequence[str],
    sample: LabelSample | None = None,
) -> LabelAudit:
    """Find the labels that out-of-sample probabilities contradict.

    Without answers to a random sample, as many images are suspected as confident learning estimates to be labelled
    wrongly, and none whose most probable class is its label. With answers, images are suspected as long as
    `GOAL_PRECISION` of all suspects are expected to be labelled wrongly.

    Args:
        labels: (n,) indices into `classes`, as published; every class at least once.
        probabilities: (n, classes), rows sum to 1, from models that were not trained on these images.
        image_ids: n names.
        classes: names in label order.
        sample: images drawn at random, and what people said about them.

    Returns:
        The estimated noise of each class, the suspects, most suspicious first, and how many of them are expected to be
        labelled wrongly.

    Raises:
        PipelineError: wrong shapes, values that are not probabilities, or a class without an image.
    """
    _check(labels, probabilities, image_ids, classes)
    doubts = (
        doubt_with_answers(labels, probabilities, answers)
        if (answers := match_answers(sample, image_ids, probabilities, classes)) is not None
        else doubt_alone(labels, probabilities)
    )
    suspected = doubts.suspected
    return LabelAudit(
        labels=tuple(classes),
        images=len(labels),
        agreement=float((probabilities.argmax(axis=1) == labels).mean()),
        images_per_class=_count_classes(labels, len(classes)),
        suspected_per_class=_count_classes(labels[suspected], len(classes)),
        noise=tuple(tuple(map(float, row)) for row in doubts.noise),
        suspects=tuple(_describe_suspect(row, doubts, labels, image_ids, classes) for row in suspected.tolist()),
        expected=doubts.expected,
        sample=sample.open if sample else (),
        answers=sample.count(tuple(classes)) if sample else (),
    )


def audit_variants(variants: Sequence[VariantResult]) -> LabelAudit:
    """Audit the held-out parts with the mean probabilities of the variants that are best together on selection.

    Args:
        variants: all variants of one run, including those that were not trained.

    Returns:
        The audit; without images and suspects if no variant is better than chance, or the chosen ones together are too
        weak to judge a label, see `models.evaluation.skill`.

    Raises:
        PipelineError: the variants were scored on different images.
    """
    chosen = choose_auditors(variants)
    classes = _labels_of(variants)
    if not chosen:
        return _audit_nothing("no variant is better than chance on selection", classes)
    scores = _measure_together([_read_held_out(variant, ("selection",)) for variant in chosen], classes)
    if not can_judge_labels(scores):
        return _audit_nothing(_describe_weak(", ".join(variant.name for variant in chosen), scores), classes)
    frames = [_read_held_out(variant, AUDITED_PARTS) for variant in chosen]
    audit = _audit_together(frames, classes)
    return audit.model_copy(update={"audited_by": tuple(variant.name for variant in chosen)})


def audit_cross_fit(trainings: Sequence[VariantResult], sample: LabelSample | None = None) -> LabelAudit:
    """Audit every image of a data set with trainings that each held a fold of train out, as `hold_out` does.

    An image of train is judged by the mean of the trainings that held it out, any other image by the mean of all.

    Args:
        trainings: one for each fold of each repeat, all of them trained.
        sample: images drawn at random, and what people said about them.

    Returns:
        The audit; without images and suspects if a training is too weak to judge a label, because no other training
        can judge its fold; see `models.evaluation.skill`.

    Raises:
        PipelineError: a training is missing.
    """
    missing = [f"{training.name}: {training.reason}" for training in trainings if training.status != "trained"]
    if missing:
        raise PipelineError(
            f"got {len(missing)} of {len(trainings)} trainings that did not end ({'; '.join(missing)}), expected one "
            "for each fold: fix the reasons given and run again; the others are kept"
        )
    frames = [_read_held_out(training, AUDITED_PARTS) for training in trainings]
    scores = [_measure_together([frame], trainings[0].data_format.labels) for frame in frames]
    weak = [of_one for of_one in scores if not can_judge_labels(of_one)]
    if weak:
        weakest = min(weak, key=measure_skill)
        judges = f"{len(weak)} of {len(trainings)} trainings"
        return _audit_nothing(_describe_weak(judges, weakest, "what was held out"), trainings[0].data_format.labels)
    predictions = pd.concat(frames)
    columns = {"label": "first", **dict.fromkeys(probability_columns(predictions), "mean")}
    by_image = predictions.groupby("image_id", sort=True).agg(columns).reset_index()
    return _audit_together([by_image], trainings[0].data_format.labels, sample)


def choose_auditors(variants: Sequence[VariantResult]) -> list[VariantResult]:
    """Choose the variants whose mean probabilities have the lowest log loss on selection.

    Variants better than chance are sorted by their own log loss there, and the first k of them are taken, for the best
    k. The mean of strong variants is better than each of them; a weak variant would make it worse and stays out.
    Validation is not used: it ranks the variants, so no choice may depend on it.

    Args:
        variants: all variants of one run.

    Returns:
        The chosen variants, best first; none if no variant is better than chance.
    """
    able = sorted(filter(_is_above_chance, variants), key=lambda variant: variant.parts["selection"].log_loss)
    frames = [_read_held_out(variant, ("selection",)) for variant in able]
    losses = [
        _measure_together(frames[:count], able[0].data_format.labels).log_loss for count in range(1, len(frames) + 1)
    ]
    return able[: int(np.argmin(losses)) + 1] if able else []


def _labels_of(variants: Sequence[VariantResult]) -> tuple[str, ...]:
    """Return the labels of a run; a variant that was not trained does not know them."""
    return next((one.data_format.labels for one in variants if one.status == "trained"), SEED_FORMAT.labels)


def _audit_together(
    frames: Sequence[pd.DataFrame], classes: Sequence[str], sample: LabelSample | None = None
) -> LabelAudit:
    """Audit labels by the mean probabilities of predictions on the same images."""
    labels, image_ids = frames[0]["label"].to_numpy(), frames[0]["image_id"].tolist()
    return audit_labels(labels, _mean_probabilities(frames), image_ids, classes, sample)


def _audit_nothing(reason: str, classes: tuple[str, ...]) -> LabelAudit:
    nothing = (0,) * len(classes)
    return LabelAudit(
        labels=classes,
        images=0,
        agreement=0,
        images_per_class=nothing,
        suspected_per_class=nothing,
        noise=(),
        suspects=(),
        reason=reason,
    )


def _check(labels: NDArray, probabilities: NDArray, image_ids: Sequence[str], classes: Sequence[str]) -> None:
    expected = (len(image_ids), len(classes))
    if labels.shape != expected[:1] or probabilities.shape != expected:
        raise PipelineError(
            f"got labels {labels.shape} and probabilities {probabilities.shape} of {len(image_ids)} images, "
            f"expected {expected[:1]} and {expected}: give one row an image"
        )
    if not np.isfinite(probabilities).all() or np.abs(probabilities.sum(axis=1) - 1).max(initial=0) > 1e-3:
        raise PipelineError("got rows that are not probabilities, expected finite ones that sum to 1: train again")
    missing = [name for index, name in enumerate(classes) if index not in labels]
    if missing:
        raise PipelineError(f"got no image labelled {', '.join(missing)}, expected some of each class: add them")


def _describe_suspect(
    row: int, doubts: Doubts, labels: NDArray[np.int64], image_ids: Sequence[str], classes: Sequence[str]
) -> Suspect:
    posterior, label = doubts.posterior[row], int(labels[row])
    order: list[int] = np.argsort(-posterior, kind="stable").tolist()
    enough = int(np.searchsorted(posterior[order].cumsum(), ENOUGH_PROBABILITY)) + 1
    return Suspect(
        image_id=image_ids[row],
        label=classes[label],
        suggested_label=classes[next(place for place in order if place != label)],
        suspicion=round(float(np.clip(1 - posterior[label], 0, 1)), 6),
        candidates=tuple(
            Candidate(label=classes[place], probability=round(min(1.0, float(posterior[place])), 4))
            for place in order[: min(enough, MOST_CANDIDATES)]
        ),
    )


def _count_classes(labels: NDArray, classes: int) -> tuple[int, ...]:
    return tuple(np.bincount(labels, minlength=classes).tolist())


def _is_above_chance(variant: VariantResult) -> bool:
    """Check whether the variant beats chance on selection with confidence."""
    trained = variant.status == "trained" and "selection" in variant.parts
    return trained and _beats_chance(variant.parts["selection"])


def _beats_chance(scores: PartMetrics) -> bool:
    """Check whether the lower end of an accuracy is above the share of the largest class."""
    return scores.accuracy_low > largest_share(scores)


def _measure_together(frames: Sequence[pd.DataFrame], classes: Sequence[str]) -> PartMetrics:
    """Score the mean probabilities of predictions on the same images."""
    return measure_part(frames[0]["label"].to_numpy(), _mean_probabilities(frames), classes)


def _describe_weak(judges: str, scores: PartMetrics, images: str = "selection") -> str:
    return (
        f"{judges} may be right on only {100 * scores.accuracy_low:.1f}% of {images} (lower end of the interval), and "
        f"from less than {100 * least_accuracy(scores):.1f}% a contradiction says more about the network than about "
        "the label"
    )


def _read_held_out(variant: VariantResult, parts: tuple[str, ...]) -> pd.DataFrame:
    frame = pd.read_parquet(Path(variant.directory) / PREDICTIONS_NAME, filters=[("part", "in", parts)])
    return frame.sort_values("image_id", ignore_index=True)


def _mean_probabilities(frames: Sequence[pd.DataFrame]) -> NDArray[np.float64]:
    """Average predictions on the same images: (n, classes), each row sums to 1."""
    first = frames[0]["image_id"].tolist()
    if any(frame["image_id"].tolist() != first for frame in frames):
        raise PipelineError("got variants that were scored on different images, expected the same: run with --force")
    mean = np.mean([probabilities_of(frame) for frame in frames], axis=0, dtype=np.float64)
    return mean / mean.sum(axis=1, keepdims=True)
