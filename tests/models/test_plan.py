"""The plan: how many steps fit."""

import math
import time
from pathlib import Path

import pytest

from data.errors import PipelineError
from models import plan
from models.config import FitSpec, TrainConfig
from models.plan import Measurement, load_plan, make_plan


@pytest.fixture(autouse=True)
def processor(monkeypatch):
    """A machine with bfloat16, whichever this one is; `processor(False)` takes it away."""

    def choose(has_bfloat16):
        monkeypatch.setattr(plan, "has_bfloat16", lambda: has_bfloat16)

    choose(True)
    return choose


def make_spec(**train) -> FitSpec:
    return FitSpec(
        name="compact",
        description="",
        builder="models.compact:build_compact",
        views=Path("views"),
        train=TrainConfig(**train),
        seed=1,
        threads=2,
    )


def unmeasured(precision):
    raise AssertionError("nothing is measured without need")


def measuring(**costs):
    return lambda precision: costs[precision]


def test_without_a_budget_every_epoch_is_planned():
    spec = make_spec(epochs=3, batch_size=32, precision="float32")
    made = make_plan(spec, images=100, measure=unmeasured, started=time.monotonic())
    assert (made.steps_per_epoch, made.total_steps, made.epochs) == (4, 12, 3)


@pytest.mark.parametrize(
    ("minutes", "total_steps", "epochs"),
    [
        (1.0, 20, 2),  # 57 s less 7 s spent, at 2 s a step and 0.4 s of evaluation
        (10.0, 50, 5),  # more than enough: the configured epochs
        (0.1, 1, 1),  # less than the start took: one step all the same
    ],
)
def test_a_budget_shortens_the_plan(minutes, total_steps, epochs):
    spec = make_spec(epochs=5, batch_size=10, time_budget_minutes=minutes, precision="float32")
    measure = measuring(float32=Measurement(2.0, 4.0, 1.0))
    made = make_plan(spec, images=100, measure=measure, started=time.monotonic() - 7)
    assert (made.total_steps, made.epochs) == (total_steps, epochs)
    assert made.budget_seconds == pytest.approx(60 * minutes)


@pytest.mark.parametrize(
    ("seconds", "loss", "chosen"),
    [(0.5, 1.02, "mixed_bfloat16"), (2.0, 1.0, "float32"), (0.5, 1.2, "float32"), (0.5, math.nan, "float32")],
    ids=["faster and alike", "slower", "another loss", "no number"],
)
def test_the_faster_precision_is_taken_where_the_losses_agree(seconds, loss, chosen):
    measure = measuring(float32=Measurement(1.0, 1.0, 1.0), mixed_bfloat16=Measurement(seconds, 1.0, loss))
    made = make_plan(make_spec(precision="auto"), images=100, measure=measure, started=time.monotonic())
    assert made.precision == chosen
    assert set(made.measured) == {"float32", "mixed_bfloat16"}


def test_bfloat16_is_not_measured_where_it_is_emulated(processor):
    processor(False)
    made = make_plan(make_spec(precision="auto"), images=100, measure=unmeasured, started=time.monotonic())
    assert made.precision == "float32"
    measure, spec = measuring(float32=Measurement(1.0, 1.0, 1.0)), make_spec(precision="auto", time_budget_minutes=1)
    assert set(make_plan(spec, images=100, measure=measure, started=time.monotonic()).measured) == {"float32"}


def test_no_images_is_an_error():
    with pytest.raises(PipelineError, match="no training images"):
        make_plan(make_spec(), images=0, measure=unmeasured, started=0)


def test_a_stored_plan_is_read_back(tmp_path):
    assert load_plan(tmp_path) is None
    measure = measuring(float32=Measurement(1.0, 1.0, 1.0), mixed_bfloat16=Measurement(0.5, 1.0, 1.0))
    made = make_plan(make_spec(), images=100, measure=measure, started=time.monotonic())
    (tmp_path / "plan.json").write_text(made.model_dump_json())
    assert load_plan(tmp_path) == made
