"""Gate of an exported format: which answers differ from the network's, and whether the format is offered."""

from pathlib import Path

import numpy as np
import pandas as pd

from data.records.export import ExportBundle, ExportedFormat, ExportFormat, FormatCheck
from models.evaluation.calibration import scale_by_temperature
from models.evaluation.intervals import wilson_interval
from models.evaluation.judging import PUBLISHED, Truth
from models.evaluation.paired import mcnemar_p_value
from models.evaluation.predictions import correctness_of, probabilities_of, probability_columns
from models.export.jobs import EXACT_FORMATS, PATHS, Times

MOST_DIFFERENCE = 1e-4
"""Largest difference of a probability that float32 in another order of operations explains; measured: below 3e-6."""

LEVEL = 0.05
"""An exact McNemar p-value below it counts as a loss of accuracy."""


MOST_CHANGED = 0.05
"""Share of answers above which int8 is another network, whose calibration and model card are not known. On a few
hundred images, McNemar's test alone lets that pass: of 402 answers of efficientnet_lite0, 49 changed with p = 0.23."""


def compare(
    network: pd.DataFrame, answers: np.ndarray, bundle: ExportBundle, exact: bool, truth: Truth = PUBLISHED
) -> FormatCheck:
    """Compare the answers of a format with the network's on the same images.

    Differences are counted on all images, accuracy on those that have a label of the truth.

    Args:
        network: predictions of the network.
        answers: probabilities of the format, float32 (images, classes), in the same order.
        bundle: temperature and threshold.
        exact: whether the format computes in float32; of another one, the loss of accuracy is tested.
        truth: labels that decide which answers are right.
    """
    own = probabilities_of(network)
    answered = network.assign(**dict(zip(probability_columns(network), answers.T, strict=True)))
    right_own, right = (correctness_of(truth.judge(frame)) for frame in (network, answered))
    low, high = wilson_interval(int(right.sum()), len(right))
    return FormatCheck(
        images=len(network),
        largest_difference=float(np.abs(answers - own).max()),
        changed_answers=int((answers.argmax(axis=1) != own.argmax(axis=1)).sum()),
        changed_refusals=int((accepts(answers, bundle) != accepts(own, bundle)).sum()),
        accuracy=float(right.mean()),
        accuracy_low=low,
        accuracy_high=high,
        p_value=None if exact else mcnemar_p_value(right_own, right),
    )


def accepts(probabilities: np.ndarray, bundle: ExportBundle) -> np.ndarray:
    """Tell for each image whether its calibrated certainty reaches the threshold, (images,) booleans."""
    if bundle.threshold is None:
        return np.ones(len(probabilities), bool)
    return scale_by_temperature(probabilities, bundle.temperature).max(axis=1) >= bundle.threshold


def find_fault(check: FormatCheck, network_accuracy: float, exact: bool) -> str:
    """Say why a format must not be offered; empty if it passes.

    Args:
        check: the comparison.
        network_accuracy: of the network on the same images, 0..1.
        exact: whether the format computes in float32.
    """
    if not np.isfinite(check.largest_difference):
        return "it gives values that are no numbers"
    if not exact:
        loss = network_accuracy - check.accuracy
        if check.p_value is not None and check.p_value < LEVEL and loss > 0:
            return (
                f"it loses {100 * loss:.1f} points of accuracy on the same validation images (exact McNemar "
                f"p = {check.p_value:.2g})"
            )
        if check.changed_answers > MOST_CHANGED * check.images:
            return f"it changes {check.changed_answers} of {check.images:,} answers, more than {MOST_CHANGED:.0%}"
        return ""
    if check.largest_difference > MOST_DIFFERENCE:
        return f"a probability differs by {check.largest_difference:.2g}, more than {MOST_DIFFERENCE:g}"
    if check.changed_answers or check.changed_refusals:
        return f"it changes {check.changed_answers} answers and {check.changed_refusals} refusals"
    return ""


def judge(name: ExportFormat, out: Path, check: FormatCheck, times: Times, network_accuracy: float) -> ExportedFormat:
    """Describe a format that ran in its runtime, and decide whether it is offered.

    Args:
        name: of the format.
        out: directory of the export.
        check: its comparison with the network.
        times: how fast it is.
        network_accuracy: of the network on the same images, 0..1.
    """
    reason = find_fault(check, network_accuracy, name in EXACT_FORMATS)
    return ExportedFormat(
        format=name,
        path=PATHS[name],
        bytes=measure_bytes(out / PATHS[name]),
        offered=not reason,
        reason=reason,
        check=check,
        **times.model_dump(),
    )


def refuse(name: ExportFormat, out: Path, reason: str) -> ExportedFormat:
    """Describe a format that could not be written, or not be run."""
    path = out / PATHS[name]
    size = measure_bytes(path) if path.exists() else 0
    return ExportedFormat(format=name, path=PATHS[name], bytes=size, offered=False, reason=reason)


def measure_bytes(path: Path) -> int:
    """Return the size of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in files)
