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
from data.manifest.table import require_columns
from data.records.label_audit import LabelAudit, Suspect
from data.records.training import PartMetrics, VariantResult
from models.evaluation.metrics import measure_part
from models.evaluation.predictions import probabilities_of, probability_columns
from models.evaluation.skill import can_judge_labels, largest_share, least_accuracy, measure_skill
from models.jobs.files import PREDICTIONS_NAME

AUDITED_PARTS = ("selection", "validation", "test")
"""No variant is trained on these parts, so its probabilities for their images are out of sample."""


def audit_labels(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating], image_ids: Sequence[str], classes: Sequence[str]
) -> LabelAudit:
    """Find the labels that out-of-sample probabilities contradict.

    Args:
        labels: (n,) indices into `classes`, as published; every class at least once.
        probabilities: (n, classes), rows sum to 1, from models that were not trained on these images.
        image_ids: n names.
        classes: names in label order.

    Returns:
        The estimated noise of each class, and as many suspects as this noise implies, those with the least probable
        label first. An image whose most probable class is its label is never a suspect.

    Raises:
        PipelineError: wrong shapes, values that are not probabilities, or a class without an image.
    """
    from cleanlab.count import estimate_joint, num_label_issues  # takes seconds to import

    _check(labels, probabilities, image_ids, classes)
    count = num_label_issues(labels, probabilities, estimation_method="off_diagonal_calibrated")
    suspected = _most_suspicious(labels, probabilities, count)
    joint = estimate_joint(labels, probabilities)
    return LabelAudit(
        labels=tuple(classes),
        images=len(labels),
        agreement=float((probabilities.argmax(axis=1) == labels).mean()),
        images_per_class=_count_classes(labels, len(classes)),
        suspected_per_class=_count_classes(labels[suspected], len(classes)),
        noise=tuple(tuple(float(share) for share in shares / shares.sum()) for shares in joint),
        suspects=_describe_suspects(suspected, labels, probabilities, image_ids, classes),
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


def audit_cross_fit(trainings: Sequence[VariantResult]) -> LabelAudit:
    """Audit every image of a data set with trainings that each held a fold of train out, as `hold_out` does.

    An image of train is judged by the one training that held it out, any other image by the mean of all trainings.

    Args:
        trainings: one for each fold, all of them trained.

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
        return _audit_nothing(_describe_weak(judges, weakest, "what it held out"), trainings[0].data_format.labels)
    predictions = pd.concat(frames)
    columns = {"label": "first", **dict.fromkeys(probability_columns(predictions), "mean")}
    by_image = predictions.groupby("image_id", sort=True).agg(columns).reset_index()
    return _audit_together([by_image], trainings[0].data_format.labels)


def hold_out(manifest: pd.DataFrame, held_out: pd.Series) -> pd.DataFrame:
    """Move train images into the part test of a manifest, so that they are predicted and not trained on.

    Args:
        manifest: a clean manifest with the column `part`.
        held_out: booleans under the index of some rows: which of them move; all other rows stay.
    """
    moved = held_out.reindex(manifest.index, fill_value=False)
    return manifest.assign(part=manifest["part"].mask(moved, "test"))


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


def cross_fit_folds(manifest: pd.DataFrame, folds: int, seed: int) -> pd.Series:
    """Assign the train part to folds, so that each image can be predicted by a model that never saw this picture.

    Args:
        manifest: a clean manifest with the column `part`. Images of one `group` (of `find_near_duplicates`, else equal
            pixels) share a fold.
        folds: number of folds, 2 to 20.
        seed: seed of the draw, which depends only on groups, labels and seed, not on file names.

    Returns:
        int64 fold, 0 to folds - 1, of each train row under the manifest's index; each fold has about the same number
        of pictures of each class.

    Raises:
        PipelineError: no such number of folds, no column `part`, or a class with fewer groups than folds.
    """
    from sklearn.model_selection import StratifiedKFold

    require_columns(manifest)
    if "part" not in manifest:
        raise PipelineError("the manifest has no column part; partition it with partition_manifest first")
    if not 2 <= folds <= 20:
        raise PipelineError(f"got {folds} folds, expected 2 to 20")
    train = manifest[manifest["part"] == "train"]
    groups = train.get("group", train["pixel_sha256"])
    few = train.assign(group=groups).groupby("label")["group"].nunique()
    if train.empty or few.min() < folds:
        raise PipelineError(f"got train pictures {few.to_dict()}, expected at least {folds} of each class: fewer folds")
    # A group is drawn as a unit, under the label of its first picture; sorting makes the draw independent of names.
    ordered = train.assign(group=groups).sort_values(["pixel_sha256", "label"]).drop_duplicates("group")
    fold_of_group: dict[str, int] = {}
    splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed)
    for fold, (_, rows) in enumerate(splitter.split(ordered, ordered["label"])):
        fold_of_group.update(dict.fromkeys(ordered["group"].iloc[rows].tolist(), fold))
    drawn = [fold_of_group[group] for group in groups.tolist()]
    return pd.Series(drawn, index=train.index, name="fold", dtype="int64")


def _labels_of(variants: Sequence[VariantResult]) -> tuple[str, ...]:
    """Return the labels of a run; a variant that was not trained does not know them."""
    return next((one.data_format.labels for one in variants if one.status == "trained"), SEED_FORMAT.labels)


def _audit_together(frames: Sequence[pd.DataFrame], classes: Sequence[str]) -> LabelAudit:
    """Audit labels by the mean probabilities of predictions on the same images."""
    labels, image_ids = frames[0]["label"].to_numpy(), frames[0]["image_id"].tolist()
    return audit_labels(labels, _mean_probabilities(frames), image_ids, classes)


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


def _most_suspicious(labels: NDArray[np.int64], probabilities: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    """Find the rows of the `count` least probable labels that the probabilities contradict, least probable first.

    On generated faces with 10 % planted errors this found more errors at equal precision than cleanlab's own pruning
    methods, by noise rate and by class, which first distribute the suspects over pairs of classes or over classes.
    """
    rows = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return rows[np.argsort(probabilities[rows, labels[rows]], kind="stable")[:count]]


def _describe_suspects(
    rows: NDArray[np.intp],
    labels: NDArray[np.int64],
    probabilities: NDArray[np.floating],
    image_ids: Sequence[str],
    classes: Sequence[str],
) -> tuple[Suspect, ...]:
    suggested = probabilities.argmax(axis=1)  # never a suspect's own label
    return tuple(
        Suspect(
            image_id=image_ids[row],
            label=classes[int(labels[row])],
            suggested_label=classes[int(suggested[row])],
            suspicion=round(min(1.0, 1 - float(probabilities[row, labels[row]])), 6),
        )
        for row in map(int, rows)
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
