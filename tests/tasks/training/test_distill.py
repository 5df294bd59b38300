"""The task of the labelling: what it asks of its child, and that nothing is labelled twice."""

from pathlib import Path

import pytest
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger

from data.records.training import VariantResult
from data.workspace.store import Produced, Workspace
from models.catalog.train_config import TrainConfig
from models.catalog.variants import find_variant
from models.jobs.specs import TeachSpec
from tasks.support.child_processes import Children
from tasks.training.distill import write_soft_labels
from tasks.training.train import TrainingJob
from tests.support.soft_labels_factory import write_soft_labels as write_files
from tests.support.tiny_views import write_tiny_views
from tests.tasks.training.test_train import FakeChildren

TEACHER = VariantResult(name="ensemble", description="", status="trained", directory="variants/abc")


@pytest.fixture
def teach(tmp_path):
    """Label with a function in place of the child; returns the stage and what the child was asked."""
    workspace, asked = Workspace(tmp_path), []
    workspace.claim()
    views = Produced(stage="views", key="k", path=write_tiny_views(tmp_path / "views", views=3), cached=False)

    def label(out: Path, threads: int) -> None:
        asked.append(TeachSpec.model_validate_json((out / "spec.json").read_text()))
        write_files(out, asked[-1].views, 96)

    def go(teacher: VariantResult = TEACHER, **train) -> tuple[Produced, list[TeachSpec]]:
        job = TrainingJob(
            variant=find_variant("compact"),
            train=TrainConfig(**train),
            seed=1,
            threads=2,
            weights_dir=None,
            allow_weight_download=False,
        )
        children: Children = FakeChildren(label)
        with disable_run_logger():
            outcome = write_soft_labels.fn(teacher, job, views, workspace, children)
        return (outcome.result() if isinstance(outcome, State) else outcome), asked

    return go


@pytest.mark.parametrize(("epochs", "views"), [(1, 1), (2, 2), (40, 3)])
def test_the_views_that_the_student_reads_are_labelled(teach, epochs, views):
    produced, (spec,) = teach(epochs=epochs)
    assert (spec.views, spec.most_seconds, spec.threads) == (views, 0, 2)
    assert (spec.teacher.is_absolute(), spec.teacher.name) == (True, "abc")
    assert produced.path.parent.name == "soft_labels"


def test_the_students_time_budget_bounds_the_labelling(teach):
    _, (spec,) = teach(time_budget_minutes=3)
    assert spec.most_seconds == 90


def test_another_teacher_labels_and_another_recipe_does_not(teach):
    first, _ = teach(learning_rate=0.1)
    again, asked = teach(learning_rate=0.2)
    assert (first.key, again.cached, len(asked)) == (again.key, True, 1)
    other, asked = teach(TEACHER.model_copy(update={"training": "def", "directory": "variants/def"}))
    assert other.key != first.key and len(asked) == 2
