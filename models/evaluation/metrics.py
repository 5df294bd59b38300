"""Scores of one variant on each part of the data: accuracy, F1, log loss, confusion matrix."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from data.records.training import Calibration, ClassMetrics, PartMetrics
from models.evaluation.calibration import measure_calibration
from models.evaluation.intervals import wilson_interval
from models.evaluation.predictions import probabilities_of, targets_of


def measure_predictions(
    predictions: pd.DataFrame, classes: Sequence[str]
) -> tuple[dict[str, PartMetrics], Calibration]:
    """Score one variant on every part, and its calibration on validation with a temperature fitted on selection.

    The scores are by the column `label`, the temperature by the labels that the training followed.

    Args:
        predictions: of at least selection and validation, as `models.training.predict.predict_part` makes them.
        classes: names in label order.
    """
    frames = {str(part): frame for part, frame in predictions.groupby("part")}
    scored = {part: (frame["label"].to_numpy(), probabilities_of(frame)) for part, frame in frames.items()}
    parts = {part: measure_part(*answers, classes) for part, answers in scored.items()}
    followed = targets_of(frames["selection"]), scored["selection"][1]
    return parts, measure_calibration(*scored["validation"], *followed)


def measure_part(labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> PartMetrics:
    """Score one variant on one part.

    Args:
        labels: (n,) integers, indices into classes.
        probabilities: (n, classes) floats 0..1, rows summing to 1.
        classes: names in label order.

    Returns:
        Accuracy with its 95 % Wilson interval, macro F1, log loss (scikit-learn's), per-class figures and the
        confusion matrix.
    """
    from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

    every_label = np.arange(len(classes))
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)  # scikit-learn warns if float32 rows do not sum to 1
    predicted = probabilities.argmax(axis=1)
    correct = int((predicted == labels).sum())
    low, high = wilson_interval(correct, len(labels))
    figures = np.stack(
        precision_recall_fscore_support(labels, predicted, labels=every_label, zero_division=0),  # type: ignore[arg-type]
        axis=1,
    )
    return PartMetrics(
        images=len(labels),
        accuracy=correct / len(labels),
        accuracy_low=low,
        accuracy_high=high,
        macro_f1=float(figures[:, 2].mean()),
        log_loss=float(log_loss(labels, exact, labels=every_label)),
        per_class=tuple(
            ClassMetrics(label=label, precision=p, recall=r, f1=f, support=int(s))
            for label, (p, r, f, s) in zip(classes, figures.tolist(), strict=True)
        ),
        confusion=tuple(tuple(int(n) for n in row) for row in confusion_matrix(labels, predicted, labels=every_label)),
    )
