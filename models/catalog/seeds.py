"""Repeats of a training over seeds: which seeds those are, and one record of what each of them gave."""

from collections.abc import Sequence
from pathlib import Path

from data.base.errors import PipelineError
from data.records.training import RepeatRecord, VariantResult

MOST_SEEDS = 20
SEED_BOUND = 2**31


def training_seeds(seed: int, seeds: int) -> range:
    """Return the seeds that each variant of a run is trained with.

    Args:
        seed: the first, 0 or more; the run's parts and views have it too, whatever the training's is.
        seeds: how many, 1..MOST_SEEDS.

    Raises:
        PipelineError: the last of them is out of a seed's range.
    """
    if seed + seeds > SEED_BOUND:
        raise PipelineError(
            f"got seed {seed} and {seeds} seeds, so that the last is {seed + seeds - 1}; expected at most "
            f"{SEED_BOUND - 1}: take a lower seed"
        )
    return range(seed, seed + seeds)


def gather_repeats(seeds: Sequence[int], results: Sequence[VariantResult]) -> VariantResult:
    """Return the first seed's result, with a record of every seed's where there are several.

    It stands for the variant whichever seed did best, and also where it failed and another did not: a seed that was
    chosen by its accuracy on validation would flatter the variant there.

    Args:
        seeds: one a result.
        results: of one variant, the first seed's first.
    """
    if len(results) == 1:
        return results[0]
    repeats = tuple(_describe_repeat(seed, result) for seed, result in zip(seeds, results, strict=True))
    return results[0].model_copy(update={"repeats": repeats})


def _describe_repeat(seed: int, result: VariantResult) -> RepeatRecord:
    validation, selection = result.parts.get("validation"), result.parts.get("selection")
    return RepeatRecord(
        seed=seed,
        status=result.status,
        reason=result.reason,
        validation_accuracy=validation.accuracy if validation else None,
        selection_accuracy=selection.accuracy if selection else None,
        epochs=len(result.epochs),
        # A failed training has no total of its own; what its epochs took was spent all the same.
        core_seconds=result.core_seconds or sum(epoch.core_seconds for epoch in result.epochs),
        training=Path(result.directory).name,
        made_with=result.made_with,
    )
