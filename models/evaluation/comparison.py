"""Comparison of the variants of one run on the same validation images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.base.errors import PipelineError
from data.records.run import BestOfMany, Comparison
from data.records.training import VariantResult
from models.evaluation.judging import PUBLISHED, Truth
from models.evaluation.paired import best_of_many, compare_with_best
from models.evaluation.predictions import correctness_of, read_predictions


def rank_variants(variants: Sequence[VariantResult]) -> tuple[VariantResult, ...]:
    """Sort the trained variants by validation accuracy, best first; the others follow in their order."""
    return tuple(sorted(variants, key=lambda v: -v.parts["validation"].accuracy if v.status == "trained" else 1))


def compare_variants(
    variants: Sequence[VariantResult], seed: int, truth: Truth = PUBLISHED
) -> tuple[tuple[Comparison, ...], BestOfMany | None]:
    """Compare each trained variant with the best, and give the best an interval that accounts for the choice.

    Args:
        variants: results with their directories.
        seed: seed of the bootstrap.
        truth: labels that decide which answers are right.

    Raises:
        PipelineError: the variants were scored on different images.
    """
    correct = read_correctness([v for v in variants if v.status == "trained"], truth)
    if not correct:
        return (), None
    return compare_with_best(correct, seed), best_of_many(correct, seed)


def read_correctness(variants: Sequence[VariantResult], truth: Truth = PUBLISHED) -> dict[str, np.ndarray]:
    """Read which validation images each variant classified correctly: variant -> (n,) booleans in one order."""
    correct: dict[str, np.ndarray] = {}
    first_ids: list[str] = []
    for variant in variants:
        frame = truth.judge(read_predictions(Path(variant.directory), "validation"))
        image_ids = frame["image_id"].tolist()
        first_ids = first_ids or image_ids
        if image_ids != first_ids:
            raise PipelineError(
                f"got predictions of {variant.name} on other validation images than those of the first variant, "
                "expected the same: run again with --force"
            )
        correct[variant.name] = correctness_of(frame)
    return correct
