"""What an answer needs besides the network: labels, temperature and threshold, and how well the training did."""

import json
from pathlib import Path

from data.base.errors import PipelineError
from data.records.analysis import Rejection
from data.records.export import ExportBundle
from data.records.training import VariantResult
from models.analysis.rejection import choose_rejection
from models.evaluation.judging import PUBLISHED, Truth, judge_variant
from models.evaluation.predictions import read_predictions
from models.export.jobs import JUDGED_PART
from models.jobs.files import RESULT_NAME


def describe_training(directory: Path, truth: Truth = PUBLISHED) -> ExportBundle:
    """Describe a finished training for its export, without formats; the figures are those of a report by this truth.

    Args:
        directory: of the training, or of a vote of such.
        truth: labels that decide which answers are right.

    Raises:
        PipelineError: it was not trained.
    """
    result = VariantResult.model_validate_json((directory / RESULT_NAME).read_bytes())
    if result.status != "trained" or result.calibration is None:
        raise PipelineError(
            f"got the training {directory.name} of {result.name}, which is {result.status} "
            f"({result.reason or 'without a calibration'}), expected a trained one: export another with "
            "emotion export --run KEY"
        )
    found = result.model_copy(update={"directory": str(directory), "repeats": ()})
    scores = judge_variant(found, truth, result.data_format.labels).parts[JUDGED_PART]
    rejection = _choose_rejection(directory, result.name, truth, result.calibration.temperature)
    threshold = rejection.threshold if rejection else None
    return ExportBundle(
        variant=result.name,
        variant_key=directory.name,
        data_format=result.data_format,
        temperature=result.calibration.temperature,
        threshold=threshold,
        truth=truth.name,
        validation_images=scores.images,
        accuracy=scores.accuracy,
        accuracy_low=scores.accuracy_low,
        accuracy_high=scores.accuracy_high,
        accepted_accuracy=rejection.accuracy if rejection and threshold is not None else scores.accuracy,
        recalls=tuple(one.recall for one in scores.per_class),
        parameters=result.parameters_total,
        formats=(),
    )


def _choose_rejection(directory: Path, name: str, truth: Truth, temperature: float) -> Rejection | None:
    """Choose the threshold as the report does; None if no image of selection has a label of this truth."""
    validation, selection = (truth.judge(read_predictions(directory, part)) for part in (JUDGED_PART, "selection"))
    return choose_rejection(name, validation, selection, temperature) if len(selection) else None


def name_facts(bundle: ExportBundle) -> dict[str, str]:
    """Return what is written into the file of every format, as texts: labels, sizes, temperature and threshold."""
    images = bundle.data_format
    facts = {
        "labels": images.labels,
        "height": images.height,
        "width": images.width,
        "channels": images.channels,
        "pixel_range": [0, 255],
        "temperature": bundle.temperature,
        "threshold": bundle.threshold,
        "accuracy": bundle.accuracy,
        "truth": bundle.truth,
        "variant": bundle.variant,
        "training": bundle.variant_key,
    }
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in facts.items()}
