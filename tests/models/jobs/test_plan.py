"""The plan: how many steps fit."""

import math
from pathlib import Path

import pytest

from data.base.errors import PipelineError
from models.catalog.train_config import TrainConfig
from models.jobs import plan
from models.jobs.plan import FeatureViews, Measurement, Plan, load_plan, make_feature_plan, make_plan
from models.jobs.specs import FitSpec


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
        builder="models.networks.compact:build_compact",
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
    made = make_plan(spec, images=100, measure=unmeasured)
    assert (made.steps_per_epoch, made.total_steps, made.epochs) == (4, 12, 3)


@pytest.mark.parametrize(
    ("minutes", "total_steps", "epochs"),
    [
        (1.0, 22, 3),  # 57 s at 2 s a step and 4 s of evaluation
        (10.0, 50, 5),  # more than enough: the configured epochs
        (0.1, 1, 1),  # less than one step and its evaluation: one step anyway
    ],
)
def test_a_budget_shortens_the_plan(minutes, total_steps, epochs):
    spec = make_spec(epochs=5, batch_size=10, time_budget_minutes=minutes, precision="float32")
    measure = measuring(float32=Measurement(2.0, 4.0, 1.0))
    made = make_plan(spec, images=100, measure=measure)
    assert (made.total_steps, made.epochs) == (total_steps, epochs)
    assert made.budget_seconds == pytest.approx(60 * minutes)
    assert made.most_steps == 50, "what it may grow to, if the machine turns out to be faster"
    assert pytest.approx(made.budget_for(epochs=5)) == 5 * 24 / 0.95


@pytest.mark.parametrize(("minutes", "short"), [(0, False), (10, True), (100, False)])
def test_the_views_for_few_epochs_are_taken_if_a_budget_allows_no_more(minutes, short):
    spec = make_spec(epochs=30, batch_size=10, time_budget_minutes=minutes, precision="float32")
    measure = measuring(float32=Measurement(2.0, 4.0, 1.0))
    assert make_plan(spec.model_copy(update={"short_views": Path("short")}), 100, measure).short_views == short
    assert not make_plan(spec, 100, measure).short_views


@pytest.mark.parametrize(
    ("seconds", "loss", "chosen"),
    [(0.5, 1.02, "mixed_bfloat16"), (2.0, 1.0, "float32"), (0.5, 1.2, "float32"), (0.5, math.nan, "float32")],
    ids=["faster and alike", "slower", "another loss", "no number"],
)
def test_the_faster_precision_is_taken_where_the_losses_agree(seconds, loss, chosen):
    measure = measuring(float32=Measurement(1.0, 1.0, 1.0), mixed_bfloat16=Measurement(seconds, 1.0, loss))
    made = make_plan(make_spec(precision="auto"), images=100, measure=measure)
    assert made.precision == chosen
    assert set(made.measured) == {"float32", "mixed_bfloat16"}


def test_bfloat16_is_not_measured_where_it_is_emulated(processor):
    processor(False)
    made = make_plan(make_spec(precision="auto"), images=100, measure=unmeasured)
    assert made.precision == "float32"
    measure, spec = measuring(float32=Measurement(1.0, 1.0, 1.0)), make_spec(precision="auto", time_budget_minutes=1)
    assert set(make_plan(spec, images=100, measure=measure).measured) == {"float32"}


def test_no_images_is_an_error():
    with pytest.raises(PipelineError, match="no training images"):
        make_plan(make_spec(), images=0, measure=unmeasured)


def test_a_stored_plan_is_read_back(tmp_path):
    assert load_plan(tmp_path) is None
    measure = measuring(float32=Measurement(1.0, 1.0, 1.0), mixed_bfloat16=Measurement(0.5, 1.0, 1.0))
    made = make_plan(make_spec(), images=100, measure=measure)
    (tmp_path / "plan.json").write_text(made.model_dump_json())
    assert load_plan(tmp_path) == made


def make_features(minutes, kept, cost, epochs=10):
    """Plan 100 images in 10 steps an epoch."""
    spec = make_spec(epochs=epochs, batch_size=10, time_budget_minutes=minutes)
    return make_feature_plan(spec, 100, kept, measuring(float32=cost))


def test_features_without_a_budget_are_kept_of_every_view():
    made = make_feature_plan(make_spec(epochs=3), 100, FeatureViews(8, 2), unmeasured)
    assert (made.feature_views, made.prepared_views, made.epochs, made.precision) == (8, 2, 3, "float32")


@pytest.mark.parametrize(
    ("minutes", "prepared", "share", "views", "total_steps"),
    [
        (10, 0, 0.0, 8, 100),  # 20 s of epochs and 160 s of passes in 570 s
        (2, 0, 0.0, 4, 100),  # 114 s: the epochs' 20 s leave room for 4 passes of 20 s
        (2, 3, 0.0, 7, 100),  # three are there already
        (2, 0, 1.0, 3, 100),  # the monitored part takes a pass as well
        (0.5, 0, 0.0, 1, 45),  # 28.5 s: a pass, then 8.5 s of epochs of 1.9 s
    ],
)
def test_a_budget_pays_for_the_passes_first(minutes, prepared, share, views, total_steps):
    cost = Measurement(0.19, 0.1, 1.0, pass_seconds=20)
    made = make_features(minutes, FeatureViews(8, prepared, share), cost)
    assert (made.feature_views, made.total_steps) == (views, pytest.approx(total_steps, abs=6))
    left = 57 * minutes - 20 * share
    spent = made.pass_seconds(0, made.epochs) + 0.19 * made.total_steps + 0.1 * made.epochs
    assert spent <= left, "the budget holds"


def test_too_little_time_for_one_pass_is_spent_on_pixels():
    made = make_features(0.2, FeatureViews(8, 0, 0.1), Measurement(0.1, 0.1, 1.0, pass_seconds=20))
    assert (made.feature_views, made.total_steps) == (0, 4), "11.4 s less 2.1 s of evaluation, at 2.1 s a step"


def test_passes_still_to_come_are_paid_before_steps():
    plan = Plan(
        precision="float32",
        threads=1,
        steps_per_epoch=10,
        total_steps=100,
        epochs=10,
        budget_seconds=60,
        measured={"float32": Measurement(1.0, 2.0, 1.0, pass_seconds=5.0)},
        feature_views=3,
        prepared_views=1,
    )
    assert [plan.pass_seconds(epoch, 10) for epoch in range(4)] == [10, 10, 5, 0]
    assert plan.steps_within(29.9, 1.0) == 20, "12 s, then 17 s, then no time to evaluate"
    assert plan.steps_within(29.9, 1.0, done=5) == 5 + 5 + 10, "7 s, then 17 s"
    assert plan.steps_within(-1.0, 1.0, done=5) == 5
    assert plan.steps_within(math.inf, 1.0) == 100


def make_tuning_plan(**changes):
    plan = Plan(
        precision="float32",
        threads=1,
        steps_per_epoch=10,
        total_steps=100,
        epochs=10,
        budget_seconds=60,
        measured={"float32": Measurement(3.0, 0.0, 1.0, head_step_seconds=1.0)},
        head_fraction=0.3,
    )
    return plan.model_copy(update=changes)


@pytest.mark.parametrize(("total_steps", "head_steps"), [(100, 30), (45, 20), (20, 10), (15, 10), (10, 10), (7, 7)])
def test_the_head_has_its_share_of_whole_epochs(total_steps, head_steps):
    assert make_tuning_plan().head_steps(total_steps) == head_steps
    assert make_tuning_plan(head_fraction=0.0).head_steps(total_steps) == 0


def test_phases_share_the_steps():
    plan = make_tuning_plan()
    assert plan.phase_steps(100, finetuned_from=0) == 30
    assert plan.phase_steps(100, finetuned_from=30) == 70
    assert make_tuning_plan(head_fraction=0.0).phase_steps(100, finetuned_from=0) == 100


def test_steps_with_the_backbone_are_paid_by_what_they_cost():
    plan = make_tuning_plan()
    assert plan.seconds_between(0, 100, 1.0) == 30 + 70 * 3
    assert plan.seconds_between(20, 100, 2.0) == 2 * (10 + 70 * 3), "at half the pace"
    assert plan.seconds_between(40, 100, 3.0, finetuned_from=30) == 60 * 3
    assert plan.steps_within(240, 1.0) == 100
    shorter = plan.steps_within(120, 1.0)
    assert 50 <= shorter < 60 and plan.seconds_between(0, shorter, 1.0) <= 120


def test_a_budget_of_two_phases_holds():
    spec = make_spec(epochs=10, batch_size=10, time_budget_minutes=2, precision="float32")
    measure = measuring(float32=Measurement(3.0, 0.0, 1.0, head_step_seconds=1.0))
    made = make_plan(spec, 100, measure, head_first=True)
    assert made.head_fraction == spec.train.head_fraction
    assert 100 <= made.seconds_between(0, made.total_steps, 1.0) <= 114
