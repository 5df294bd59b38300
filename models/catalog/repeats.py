"""One result of a variant that was trained with several seeds, with a record of every repeat."""

from collections.abc import Sequence

from data.records.training import RepeatRecord, VariantResult


def gather_repeats(seeds: Sequence[int], results: Sequence[VariantResult]) -> VariantResult:
    """Return the result of the first seed, with a record of every repeat if there are several.

    The first seed represents the variant even if another seed was better, or if only the first one failed. A seed that
    is chosen by its validation accuracy would make the variant look better on validation than it is.

    Args:
        seeds: one seed per result.
        results: results of one variant, in the order of the seeds.
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
        # A failed training has no total, but the time of its epochs was spent anyway.
        core_seconds=result.core_seconds or sum(epoch.core_seconds for epoch in result.epochs),
        training=result.training,
        made_with=result.made_with,
        trained_on=result.trained_on,
    )
