"""A student that cannot be taught becomes a result that says why."""

import pytest
from prefect.states import Failed

from data.errors import PipelineError
from data.records import VariantResult
from data.workspace import Produced, Workspace
from flows import training
from flows.settings import Settings
from flows.training import plan_student, with_student
from models.presets import PRESETS
from tests.models.test_student import trained, untrained


@pytest.fixture
def learn(tmp_path):
    views = Produced(stage="views", key="k", path=tmp_path, cached=False)

    def go(variants: list[VariantResult]) -> list[VariantResult]:
        job = plan_student("compact", PRESETS["best"], 2, 1, Settings(workspace=tmp_path))
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
    student = learn([trained("compact", 0.5), trained("residual", 0.4)])[-1]
    assert (student.status, student.reason) == ("failed", "residual did not teach it: residual: disk full")
    assert student.description.startswith("compact taught by residual alone: ")


def test_the_students_recipe_is_its_own_within_the_runs_budget():
    job = plan_student("compact", PRESETS["best"], 2, 1, Settings())
    assert job.train == PRESETS["best"].recipe("student", 2)
    assert (job.train.time_budget_minutes, job.train.label_smoothing) == (2, 0)
