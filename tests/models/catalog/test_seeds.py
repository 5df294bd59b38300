"""Repeats over seeds: which seeds, and one result a variant that is never the luckiest one's."""

import numpy as np
import pytest

from data.base.errors import PipelineError
from data.records.training import VariantResult
from models.catalog.repeats import gather_repeats
from models.catalog.seeds import training_seeds
from tests.support.results_factory import make_epochs, make_variant


@pytest.fixture
def trained(tmp_path):
    """Return three trainings of one variant, of which the second is the best on validation."""
    generator = np.random.default_rng(0)
    made = [make_variant("compact", tmp_path / str(seed), generator) for seed in (42, 43, 44)]
    best = max(made, key=lambda variant: variant.parts["validation"].accuracy)
    first, *others = [variant for variant in made if variant is not best]
    return [first, best, *others]


def fail(reason, **known) -> VariantResult:
    return VariantResult(name="compact", description="", status="failed", reason=reason, **known)


def test_seeds_count_up_from_the_first():
    assert list(training_seeds(42, 3)) == [42, 43, 44]
    assert list(training_seeds(2**31 - 1, 1)) == [2**31 - 1]
    with pytest.raises(PipelineError, match="the last is 2147483648; expected at most 2147483647"):
        training_seeds(2**31 - 1, 2)


def test_one_training_is_handed_on_as_it_is(trained):
    assert gather_repeats([42], trained[:1]) is trained[0]


def test_the_first_seed_stands_for_the_variant_and_carries_every_seed(trained):
    accuracies = [result.parts["validation"].accuracy for result in trained]
    assert max(accuracies) != accuracies[0], "or the test shows nothing"
    gathered = gather_repeats([42, 43, 44], trained)
    assert gathered.model_copy(update={"repeats": ()}) == trained[0]
    assert [repeat.seed for repeat in gathered.repeats] == [42, 43, 44]
    assert [repeat.validation_accuracy for repeat in gathered.repeats] == accuracies
    first = gathered.repeats[0]
    assert first.selection_accuracy == trained[0].parts["selection"].accuracy
    assert (first.epochs, first.core_seconds) == (len(trained[0].epochs), trained[0].core_seconds)
    assert first.trained_on == trained[0].trained_on
    assert (first.status, first.reason, first.made_with) == ("trained", "", trained[0].made_with)


def test_a_failed_repeat_is_listed_with_its_reason_and_what_it_cost(trained):
    history = make_epochs(0.5, np.random.default_rng(1), count=3)
    gathered = gather_repeats([42, 43], [trained[0], fail("got a training loss of nan", epochs=history)])
    assert gathered.status == "trained"
    lost = gathered.repeats[1]
    assert (lost.seed, lost.status, lost.reason) == (43, "failed", "got a training loss of nan")
    assert (lost.validation_accuracy, lost.selection_accuracy, lost.training) == (None, None, "")
    assert (lost.epochs, lost.core_seconds) == (3, sum(record.core_seconds for record in history))


def test_a_failed_first_seed_makes_the_variant_failed_whatever_the_others_gave(trained):
    gathered = gather_repeats([42, 43, 44], [fail("models.training.fit was ended by SIGKILL"), *trained[:2]])
    assert (gathered.status, gathered.reason) == ("failed", "models.training.fit was ended by SIGKILL")
    assert gathered.parts == {}
    assert [repeat.status for repeat in gathered.repeats] == ["failed", "trained", "trained"]
    assert gathered.repeats[1].validation_accuracy == trained[0].parts["validation"].accuracy
