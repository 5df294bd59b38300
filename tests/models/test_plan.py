"""The plan: how many steps fit."""

from pathlib import Path

import pytest

from data.errors import PipelineError
from models.config import FitSpec, TrainConfig
from models.plan import load_plan, make_plan


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


def unmeasured():
    raise AssertionError("nothing is measured without a budget")


def test_without_a_budget_every_epoch_is_planned():
    plan = make_plan(make_spec(epochs=3, batch_size=32), images=100, measure=unmeasured, spent_seconds=5)
    assert (plan.steps_per_epoch, plan.total_steps, plan.epochs) == (4, 12, 3)


@pytest.mark.parametrize(
    ("minutes", "total_steps", "epochs"),
    [
        (1.0, 20, 2),  # 57 s less 7 s spent, at 2 s a step and 0.4 s of evaluation
        (10.0, 50, 5),  # more than enough: the configured epochs
        (0.1, 1, 1),  # less than the start took: one step all the same
    ],
)
def test_a_budget_shortens_the_plan(minutes, total_steps, epochs):
    spec = make_spec(epochs=5, batch_size=10, time_budget_minutes=minutes)
    plan = make_plan(spec, images=100, measure=lambda: (2.0, 4.0), spent_seconds=7)
    assert (plan.total_steps, plan.epochs) == (total_steps, epochs)
    assert plan.budget_seconds == pytest.approx(60 * minutes)


def test_no_images_is_an_error():
    with pytest.raises(PipelineError, match="no training images"):
        make_plan(make_spec(), images=0, measure=unmeasured, spent_seconds=0)


def test_a_stored_plan_is_read_back(tmp_path):
    assert load_plan(tmp_path) is None
    plan = make_plan(make_spec(), images=100, measure=unmeasured, spent_seconds=0)
    (tmp_path / "plan.json").write_text(plan.model_dump_json())
    assert load_plan(tmp_path) == plan
