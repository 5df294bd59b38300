"""Records of trainings: on which processors their epochs were trained, also where an earlier version did not say."""

import json

import numpy as np

from data.records.training import EpochRecord, RepeatRecord, VariantResult
from tests.support.results_factory import make_epochs


def trained_on(*places) -> VariantResult:
    """Return a training with one epoch for each (processor, threads)."""
    epochs = zip(make_epochs(0.7, np.random.default_rng(0), len(places)), places, strict=True)
    return VariantResult(
        name="compact",
        description="",
        status="trained",
        epochs=tuple(epoch.model_copy(update={"processor": name, "threads": count}) for epoch, (name, count) in epochs),
    )


def test_each_processor_and_number_of_threads_is_named_in_order():
    result = trained_on(("A", 2), ("A", 2), ("B", 2), ("B", 1), ("A", 2))
    spans = [(span.processor, span.threads, span.first_epoch, span.last_epoch) for span in result.trained_on]
    assert spans == [("A", 2, 1, 2), ("B", 2, 3, 3), ("B", 1, 4, 4), ("A", 2, 5, 5)]
    again = VariantResult.model_validate_json(result.model_dump_json())
    assert again == result and again.trained_on == result.trained_on


def test_records_of_an_earlier_version_name_none():
    stored = json.loads(trained_on(("A", 2)).model_dump_json())
    for name in ("processor", "threads"):
        del stored["epochs"][0][name]
    result = VariantResult.model_validate(stored)
    assert isinstance(result.epochs[0], EpochRecord) and result.trained_on == ()
    assert RepeatRecord(seed=1, status="trained").trained_on == ()
