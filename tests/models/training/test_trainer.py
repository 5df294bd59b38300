"""The training loop's single decisions."""

import math
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from data.base.errors import PipelineError
from data.records.training import processor_spans
from models.catalog.train_config import TrainConfig
from models.jobs.checkpoint import TrainState, restore_checkpoint
from models.jobs.plan import Plan
from models.training import trainer as trainer_module
from models.training.optimizer import PlannedCosine, compile_model, make_optimizer
from models.training.timing import BatchClock, OutOfTime
from models.training.trainer import PROGRESS_SECONDS, REASON_DEADLINE, StepWatch, Trainer


def make_plan(total_steps=10):
    return Plan(
        precision="float32",
        threads=1,
        steps_per_epoch=5,
        total_steps=total_steps,
        epochs=2,
        budget_seconds=0,
        measured={},
    )


def make_watch(deadline):
    watch = StepWatch(make_plan(), TrainState(total_steps=10), deadline)
    watch.set_model(SimpleNamespace(stop_training=False))
    return watch


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_fails_with_advice(loss):
    with pytest.raises(PipelineError, match=r"step 4 of epoch 1.*learning_rate"):
        make_watch(math.inf).on_train_batch_end(3, {"loss": loss})


@pytest.mark.parametrize(("deadline", "stops"), [(math.inf, False), (0.0, True)])
def test_the_deadline_stops_the_epoch(deadline, stops):
    watch = make_watch(deadline)
    watch.on_train_batch_end(0, {"loss": 1.0})
    assert watch.model.stop_training is stops
    assert watch.steps_done == 1


def test_cosine_warms_up_to_the_peak_and_falls_to_zero():
    schedule = make_optimizer(TrainConfig(learning_rate=0.1, warmup_fraction=0.25), 100)._learning_rate
    rates = [float(schedule(step)) for step in range(101)]
    assert int(np.argmax(rates)) == 25
    assert max(rates) == pytest.approx(0.1)
    assert rates[0] == pytest.approx(0.1 / 26)
    assert rates[100] == pytest.approx(0, abs=1e-9)


def test_constant_is_constant():
    optimizer = make_optimizer(TrainConfig(optimizer="adam", learning_rate=0.001, schedule="constant"), 100)
    assert float(optimizer.learning_rate) == pytest.approx(0.001)


def test_the_clock_leaves_out_the_first_batches():
    clock = BatchClock()
    clock.ends = [0.0, 10.0, 11.0, 11.5, 12.0]
    assert clock.seconds_per_batch(2) == pytest.approx(0.5)
    assert clock.seconds_per_batch(0) == pytest.approx(3.0)
    clock.ends = [0.0, 2.0]
    assert clock.seconds_per_batch(3) == pytest.approx(2.0), "one batch is all there is"


@pytest.mark.parametrize(
    ("seconds_a_step", "budget_seconds", "shortened"), [(2.0, 100, True), (0.01, 100, False), (2.0, math.inf, False)]
)
def test_a_slow_machine_shortens_the_plan_and_the_rate_still_falls_to_zero(seconds_a_step, budget_seconds, shortened):
    schedule = PlannedCosine(0.1, warmup_fraction=0.1, total_steps=1000)
    now = time.monotonic()
    watch = StepWatch(make_plan(total_steps=1000), TrainState(total_steps=1000), now + budget_seconds, schedule)
    watch.set_model(SimpleNamespace(stop_training=False))
    # The first step, which traces, took half a minute: that is no pace.
    watch.clock.ends = [now - 30 - 20 * seconds_a_step + step * seconds_a_step + 30 * (step > 0) for step in range(20)]
    watch.reported = now - 2 * PROGRESS_SECONDS
    watch.on_train_batch_end(19, {"loss": 1.0, "accuracy": 0.5})
    assert (watch.total_steps < 1000) == shortened
    if shortened:
        assert 20 < watch.total_steps < 20 + 100 / seconds_a_step
    assert float(schedule(watch.total_steps)) == pytest.approx(0, abs=1e-6)


def test_a_machine_that_is_faster_again_gets_its_plan_back():
    watch = StepWatch(make_plan(total_steps=1000), TrainState(total_steps=200), time.monotonic() + 100)
    watch.set_model(SimpleNamespace(stop_training=False))
    watch.clock.ends = [time.monotonic() - 0.2 + 0.01 * step for step in range(20)]
    watch.reported -= 2 * PROGRESS_SECONDS
    watch.on_train_batch_end(19, {"loss": 1.0, "accuracy": 0.5})
    assert watch.total_steps == 1000


@pytest.mark.parametrize(("done", "grows"), [(200, True), (600, False)], ids=["in the first half", "later"])
def test_a_plan_made_from_slow_first_steps_grows_while_the_rate_need_not_rise(done, grows):
    plan = make_plan(total_steps=1000).model_copy(update={"most_steps": 3000, "budget_seconds": 100.0})
    state = TrainState(total_steps=1000, steps=done)
    watch = StepWatch(plan, state, time.monotonic() + 100, PlannedCosine(0.1, 0.1, 1000))
    watch.set_model(SimpleNamespace(stop_training=False))
    watch.clock.ends = [time.monotonic() - 1 + 0.05 * step for step in range(20)]
    watch.reported -= 2 * PROGRESS_SECONDS
    watch.on_train_batch_end(19, {"loss": 1.0, "accuracy": 0.5})
    assert (watch.total_steps > 1000) == grows
    if grows:
        seconds_left = plan.seconds_between(done + 20, watch.total_steps, watch.clock.seconds_per_batch(3))
        assert 85 < seconds_left <= 95.1, "a twentieth of the budget stays reserved"
        assert float(watch.schedule(watch.total_steps)) == pytest.approx(0, abs=1e-6)


def test_an_epoch_ends_with_the_plan():
    watch = StepWatch(make_plan(total_steps=7), TrainState(total_steps=7, steps=5), math.inf)
    watch.set_model(SimpleNamespace(stop_training=False))
    watch.on_train_batch_end(0, {"loss": 1.0})
    assert not watch.model.stop_training
    watch.on_train_batch_end(1, {"loss": 1.0})
    assert watch.model.stop_training


def test_a_view_that_is_not_there_in_time_ends_the_training_with_what_it_has(tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(4, activation="softmax")])
    config, plan = TrainConfig(), make_plan(total_steps=10).model_copy(update={"budget_seconds": 50.0})
    compile_model(model, config, plan.total_steps)
    data = tf.data.Dataset.from_tensors((tf.ones((2, 1)), tf.one_hot([0, 1], 4))).repeat(5)
    deadlines = []

    def training(epoch, deadline):
        deadlines.append(deadline)
        if epoch:
            raise OutOfTime
        return data, 0

    began = time.monotonic()
    state = Trainer(model, config, plan, tmp_path, training, data.take(1)).run(started=began - 40)
    assert (len(state.history), state.stopped_because) == (1, REASON_DEADLINE)
    assert state.trained_seconds < 30 < 40 < state.wall_seconds, "a slow start counts as cost, not towards the budget"
    assert deadlines == [math.inf, pytest.approx(began + 50, abs=5)], "the first view is waited for"
    assert restore_checkpoint(tmp_path, []).stopped_because == REASON_DEADLINE


def test_a_training_that_moved_names_each_processor_in_order(tmp_path, monkeypatch):
    data = tf.data.Dataset.from_tensors((tf.ones((2, 1)), tf.one_hot([0, 1], 4))).repeat(5)

    def train(processor, epochs):
        """Train on one host until it vanishes in the epoch after these, or to the end of the plan of three."""
        monkeypatch.setattr(trainer_module, "describe_processor", lambda: processor)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(4, activation="softmax")])

        def training(epoch, _deadline):
            if epoch == epochs:
                raise KeyboardInterrupt
            return data, 0

        return Trainer(model, TrainConfig(), make_plan(15), tmp_path, training, data.take(1)).run(time.monotonic())

    with pytest.raises(KeyboardInterrupt):
        train("A", 2)
    history = train("B", 3).history
    assert [(record.processor, record.threads) for record in history] == [("A", 1), ("A", 1), ("B", 1)]
    spans = [(span.processor, span.threads, span.first_epoch, span.last_epoch) for span in processor_spans(history)]
    assert spans == [("A", 1, 1, 2), ("B", 1, 3, 3)]


def test_epochs_too_short_to_tell_progress_keep_to_time_too():
    watch = StepWatch(make_plan(total_steps=1000), TrainState(total_steps=1000), time.monotonic() + 10)
    watch.set_model(SimpleNamespace(stop_training=False))
    watch.clock.ends = [time.monotonic() - 20 + step for step in range(21)]
    watch.on_train_batch_end(19, {"loss": 1.0})
    assert watch.total_steps == 1000, "progress was told a moment ago"
    watch.on_epoch_end(0)
    assert watch.total_steps < 40
