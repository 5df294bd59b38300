"""What a flow trains: which trainings there are, in which order, and what becomes of those that do not end well."""

from pathlib import Path

import numpy as np
import pytest
from prefect.states import Failed

from data.base.errors import PipelineError
from data.records.training import VariantResult
from data.views.augment import PLAIN_VIEWS
from data.workspace.store import Produced, Workspace
from flows.settings import Settings
from flows.steps import training
from flows.steps.prepare import PreparedData
from flows.steps.training import (
    build_all_views,
    plan_job,
    plan_repeats,
    plan_student,
    train_repeats,
    with_short_views,
    with_student,
)
from models.catalog.presets import PRESETS
from tests.models.catalog.test_student import trained as trained_with_loss
from tests.models.catalog.test_student import untrained
from tests.support.results_factory import make_part

VIEWS = dict.fromkeys(("compact", "cnn_gray"), Produced(stage="views", key="k", path=Path("views"), cached=True))


@pytest.fixture
def jobs(tmp_path):
    settings = Settings(workspace=tmp_path)
    return [plan_job(name, PRESETS["smoke"], 0, 42, 1, settings) for name in ("compact", "cnn_gray")]


@pytest.fixture
def runner(monkeypatch):
    """Run each training as a function of its job in place of the task; an error of it is its future's outcome."""

    def use(command):
        monkeypatch.setattr(training, "ThreadPoolTaskRunner", lambda max_workers: FakeRunner(command))

    return use


class FakeRunner:
    """A task runner with what Prefect's does for a task that raises: the future hands the error out as its result."""

    def __init__(self, command) -> None:
        self.command = command

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        pass

    def submit(self, _task, parameters):
        try:
            return FakeFuture(self.command(parameters["job"]))
        except RuntimeError as error:
            return FakeFuture(error)


class FakeFuture:
    def __init__(self, outcome) -> None:
        self.outcome = outcome

    def result(self, raise_on_failure):
        assert not raise_on_failure
        return self.outcome


def trained(job) -> VariantResult:
    part = make_part((20, 20, 20, 20), 0.6, np.random.default_rng(job.seed))
    parts = {"validation": part, "selection": part}
    return VariantResult(
        name=job.variant.name, description="", status="trained", directory=f"variants/{job.title}", parts=parts
    )


def test_every_variant_with_the_first_seed_comes_before_any_repeat(jobs):
    planned = plan_repeats(jobs, range(42, 45))
    assert [job.title for job in planned] == [
        "compact",
        "cnn_gray",
        "compact (seed 43)",
        "cnn_gray (seed 43)",
        "compact (seed 44)",
        "cnn_gray (seed 44)",
    ]
    assert [job.seed for job in planned] == [42, 42, 43, 43, 44, 44]
    assert {job.train for job in planned} == {job.train for job in jobs}, "a repeat has the recipe"


def test_one_seed_is_the_jobs_themselves(jobs):
    assert plan_repeats(jobs, [42]) == jobs


def test_results_are_gathered_by_variant(jobs, runner, tmp_path):
    runner(trained)
    compact, cnn_gray = train_repeats(jobs, range(42, 45), VIEWS, 1, Workspace(tmp_path))
    assert (compact.name, cnn_gray.name) == ("compact", "cnn_gray")
    assert [r.training for r in compact.repeats] == ["compact", "compact (seed 43)", "compact (seed 44)"]
    assert [r.training for r in cnn_gray.repeats] == ["cnn_gray", "cnn_gray (seed 43)", "cnn_gray (seed 44)"]


def test_a_killed_repeat_costs_its_own_place_alone(jobs, runner, tmp_path):
    def killed(job):
        if job.title == "compact (seed 43)":
            raise RuntimeError("models.training.fit was ended by SIGKILL")
        return trained(job)

    runner(killed)
    compact, cnn_gray = train_repeats(jobs, range(42, 45), VIEWS, 1, Workspace(tmp_path))
    assert [repeat.status for repeat in compact.repeats] == ["trained", "failed", "trained"]
    assert compact.repeats[1].reason == "models.training.fit was ended by SIGKILL"
    assert compact.status == "trained"
    assert [repeat.status for repeat in cnn_gray.repeats] == ["trained"] * 3


def test_a_killed_first_seed_is_not_replaced(jobs, runner, tmp_path):
    def killed(job):
        if job.title == "cnn_gray":
            raise RuntimeError("models.training.fit was ended by SIGKILL")
        return trained(job)

    runner(killed)
    compact, cnn_gray = train_repeats(jobs, range(42, 44), VIEWS, 1, Workspace(tmp_path))
    assert (compact.status, cnn_gray.status) == ("trained", "failed")
    assert [repeat.status for repeat in cnn_gray.repeats] == ["failed", "trained"]


@pytest.fixture
def learn(tmp_path):
    views = Produced(stage="views", key="k", path=tmp_path, cached=False)

    def go(variants: list[VariantResult]) -> list[VariantResult]:
        job = plan_student(PRESETS["best"], 2, 1, Settings(workspace=tmp_path))
        return with_student(variants, job, views, Workspace(tmp_path))

    return go


def test_without_a_teacher_there_is_no_student(learn):
    variants = [untrained("compact", "failed"), untrained("ensemble", "skipped")]
    *others, student = learn(variants)
    assert others == variants
    assert (student.name, student.status) == ("student", "skipped")
    assert student.reason == "no variant was trained that could teach it"


def test_a_labelling_that_fails_says_why(learn, monkeypatch):
    def fail(teacher, *_, **__):
        return Failed(message="x", data=PipelineError(f"{teacher.name}: disk full"))

    monkeypatch.setattr(training, "write_soft_labels", fail)
    student = learn([trained_with_loss("compact", 0.5), trained_with_loss("residual", 0.4)])[-1]
    assert (student.status, student.reason) == ("failed", "residual did not teach it: residual: disk full")
    assert student.description.startswith("compact taught by residual alone: ")


def test_the_students_recipe_is_its_own_within_the_runs_budget():
    job = plan_student(PRESETS["best"], 2, 1, Settings())
    assert job.train == PRESETS["best"].recipe("student", 2)
    assert (job.train.time_budget_minutes, job.train.label_smoothing) == (2, 0)


def test_variants_with_equal_views_share_them(monkeypatch, tmp_path):
    written = []

    class Runner(FakeRunner):
        def submit(self, _task, parameters):
            written.append(parameters["config"])
            return FakeFuture(Produced(stage="views", key=f"{len(written)}", path=tmp_path, cached=False))

    class FakeFuture:
        def __init__(self, made) -> None:
            self.result = lambda: made

    monkeypatch.setattr(training, "ThreadPoolTaskRunner", lambda max_workers: Runner(None))
    data = PreparedData(*[Produced(stage="s", key="k", path=tmp_path, cached=False)] * 3)
    names = ["light_plain", "light", "light_rgb"]
    shared, views = build_all_views(names, PRESETS["demo"], data, 42, Workspace(tmp_path))
    assert written == [PRESETS["demo"].shared_views, PLAIN_VIEWS]
    assert shared.key == "1" and [views[name].key for name in names] == ["2", "1", "1"]


def test_only_trainings_on_shared_views_get_those_for_few_epochs(monkeypatch, jobs, tmp_path):
    short = Produced(stage="views", key="short", path=tmp_path, cached=False)
    monkeypatch.setattr(training, "build_views", lambda *_: short)
    data = PreparedData(*[short] * 3)
    preset = PRESETS["best"].model_copy(update={"own_views": {"cnn_gray": PLAIN_VIEWS}})
    compact, cnn_gray = with_short_views(jobs, preset, data, 42, Workspace(tmp_path))
    assert (compact.short_views, cnn_gray.short_views) == (short, None)
    assert with_short_views(jobs, PRESETS["quick"], data, 42, Workspace(tmp_path)) == jobs
