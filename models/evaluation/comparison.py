"""Compare the variants of one run on the validation images they were all scored on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.base.errors import PipelineError
from data.records.run import BestOfMany, Comparison
from data.records.training import VariantResult
from models.evaluation.paired import best_of_many, compare_with_best
from models.evaluation.predictions import correctness_of, read_predictions


def rank_variants(variants: Sequence[VariantResult]) -> tuple[VariantResult, ...]:
    """Return the trained variants by validation accuracy, best first, then the others in their order."""
    return tuple(sorted(variants, key=lambda v: -v.parts["validation"].accuracy if v.status == "trained" else 1))


def compare_variants(variants: Sequence[VariantResult], seed: int) -> tuple[tuple[Comparison, ...], BestOfMany | None]:
    """Compare the trained variants pairwise with the best, which gets an interval for being the best of k.

    Args:
        variants: results with their directories.
        seed: of the bootstrap.

    Raises:
        PipelineError: the variants were scored on different images.
    """
    correct = read_correctness([v for v in variants if v.status == "trained"])
    if not correct:
        return (), None
    return compare_with_best(correct, seed), best_of_many(correct, seed)


def read_correctness(variants: Sequence[VariantResult]) -> dict[str, np.ndarray]:
    """Return variant -> (n,) booleans, right or wrong on each validation image in one order."""
    correct: dict[str, np.ndarray] = {}
    first_ids: list[str] = []
    for variant in variants:
        frame = read_predictions(Path(variant.directory), "validation")
        image_ids = frame["image_id"].tolist()
        first_ids = first_ids or image_ids
        if image_ids != first_ids:
            raise PipelineError(
                f"got predictions of {variant.name} on other validation images than those of the first variant, "
                "expected the same: run again with --force"
            )
        correct[variant.name] = correctness_of(frame)
    return correct
