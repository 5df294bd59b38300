"""Two phases: the head, then the top of the backbone with it, each resumed as if never stopped."""

import math
import time

import keras
import numpy as np
import pytest

from data.base.data_format import SEED_FORMAT
from data.records.training import EARLY_STOPPING
from models.catalog.train_config import TrainConfig
from models.jobs.checkpoint import load_state, restore_checkpoint
from models.jobs.plan import Plan
from models.jobs.specs import FitSpec
from models.training.batches import PixelBatches
from models.training.finetuning import TunedBackbone
from models.training.fit import build_model
from models.training.trainer import REASON_PLAN, Trainer
from tests.support.tiny_transfer import build_frozen, build_trained
from tests.support.tiny_views import write_tiny_views

EPOCHS, STEPS = 5, 3


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    return write_tiny_views(tmp_path_factory.mktemp("views"))


@pytest.fixture
def trainer(views, tmp_path_factory):
    """Make a trainer of five epochs, as the child does, that stops in front of an epoch like one that is killed."""

    def make(run_dir=None, stop_before=EPOCHS, total_steps=EPOCHS * STEPS, **recipe):
        config = TrainConfig(
            epochs=EPOCHS,
            batch_size=32,
            optimizer="adam",
            learning_rate=1e-2,
            finetune_rate=1e-3,
            head_fraction=0.4,
            precision="float32",
            **recipe,
        )
        spec = FitSpec(
            name="tiny",
            description="",
            builder="tests.support.tiny_transfer:build_trained",
            views=views,
            train=config,
            seed=7,
            threads=1,
        )
        plan = Plan(
            precision="float32",
            threads=1,
            steps_per_epoch=STEPS,
            total_steps=total_steps,
            epochs=math.ceil(total_steps / STEPS),
            budget_seconds=0,
            measured={},
            head_fraction=config.head_fraction,
        )
        model, batches = build_model(spec, "float32"), PixelBatches(spec)

        def training(epoch, deadline):
            if epoch == stop_before:
                raise KeyboardInterrupt
            return batches.training(epoch, deadline)

        run_dir = run_dir or tmp_path_factory.mktemp("run")
        return Trainer(model, config, plan, run_dir, training, batches.monitored)

    return make


def figures_of(state):
    changing = {"seconds", "core_seconds", "resumed"}
    return [record.model_dump(exclude=changing) for record in state.history], state.best_epoch, state.finetuned_from


def kernels(model):
    return [layer.kernel.numpy() for layer in model.get_layer("tiny_backbone").layer.layers[1:]]


def test_layers_that_the_builder_left_trainable_are_tuned():
    model = build_trained(SEED_FORMAT)
    tuned, trainable = TunedBackbone(model), [weight.path for weight in model.trainable_weights]
    assert [layer.filters for layer in tuned.layers] == [8] and not TunedBackbone(build_frozen(SEED_FORMAT))
    tuned.train(False)
    assert [weight.path for weight in model.trainable_weights] == trainable[2:]
    tuned.train(True)
    assert [weight.path for weight in model.trainable_weights] == trainable


def test_the_backbone_joins_after_the_heads_share_at_its_own_rate(trainer):
    training = trainer(stop_before=2)
    first, last = kernels(training.model)
    with pytest.raises(KeyboardInterrupt):
        training.run(time.monotonic())
    assert all(np.array_equal(*pair) for pair in zip((first, last), kernels(training.model), strict=True))

    resumed = trainer(training.run_dir)
    state = resumed.run(time.monotonic())
    assert (state.finetuned_from, state.stopped_because) == (2 * STEPS, REASON_PLAN)
    restore_checkpoint(resumed.run_dir, resumed.variables)  # the last weights: the best epoch may be the head's
    ended = kernels(resumed.model)
    assert np.array_equal(first, ended[0]) and not np.array_equal(last, ended[1])
    rates = [record.learning_rate for record in state.history]
    assert rates[0] > 1e-3 >= max(rates[2:]) and rates[1] == pytest.approx(0, abs=1e-6), "each phase has its own cosine"


@pytest.mark.parametrize("epoch", [1, 2, 4], ids=["in the head's phase", "at the border", "while fine-tuning"])
def test_stopped_in_a_phase_a_training_ends_as_if_nothing_had_happened(trainer, epoch):
    straight = trainer()
    expected = figures_of(straight.run(time.monotonic()))
    stopped = trainer(stop_before=epoch)
    with pytest.raises(KeyboardInterrupt):
        stopped.run(time.monotonic())
    assert len(load_state(stopped.run_dir).history) == epoch
    resumed = trainer(stopped.run_dir)
    assert figures_of(resumed.run(time.monotonic())) == expected
    for ours, theirs in zip(resumed.model.get_weights(), straight.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("total_steps", "finetuned_from"), [(2 * STEPS, STEPS), (STEPS + 1, STEPS), (STEPS, 0)])
def test_a_shortened_plan_shortens_both_phases(trainer, total_steps, finetuned_from):
    state = trainer(total_steps=total_steps).run(time.monotonic())
    assert (state.steps, state.finetuned_from) == (total_steps, finetuned_from)


def test_patience_ends_the_heads_phase_first_and_then_the_training(trainer, monkeypatch):
    monkeypatch.setattr(keras.Model, "evaluate", lambda *_, **__: {"loss": 1.0, "accuracy": 0.25})
    state = trainer(patience=1).run(time.monotonic())
    # The first epoch is the best; the second is no better, so the head is done; nor is the third.
    assert (state.finetuned_from, len(state.history), state.stopped_because) == (2 * STEPS, 3, EARLY_STOPPING)
