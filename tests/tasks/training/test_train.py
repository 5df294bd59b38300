"""The task of one training: what it tells its child, and what becomes of a child that does not end well."""

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import numpy as np
import pytest
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger

from data.base.errors import ChildKilled, PipelineError
from data.records.training import VariantPlan, VariantResult
from data.workspace.store import Produced, Workspace
from models.catalog.train_config import TrainConfig
from models.catalog.variants import find_variant
from models.jobs.checkpoint import TrainState, save_checkpoint
from models.jobs.plan import make_plan
from models.jobs.specs import FitSpec
from tasks.support.child_processes import Children
from tasks.training import train, training_log
from tasks.training.train import TrainingJob, training_inputs
from tasks.training.training_log import artifact_key
from tests.support.results_factory import make_epochs


class FakeChildren(Children):
    """Children whose one command is a function of its working directory and its threads."""

    def __init__(self, command) -> None:
        super().__init__()
        self.command = command

    def run(self, module, argument, log, on_event, threads=1) -> None:
        self.command(argument, threads)


def make_job(**fields) -> TrainingJob:
    known = {
        "variant": find_variant("compact"),
        "train": TrainConfig(precision="float32"),
        "seed": 1,
        "threads": 1,
        "weights_dir": None,
        "allow_weight_download": False,
    }
    return TrainingJob(**known | fields)


@pytest.fixture
def fit(tmp_path, monkeypatch):
    """Train with a function in place of the child; returns the task's result."""
    # An artifact needs a server; tests/flows/test_retrain.py reads real ones back.
    monkeypatch.setattr(training_log, "create_progress_artifact", lambda **artifact: uuid4())
    workspace = Workspace(tmp_path)
    views = workspace.produce("views", {"views": 3, "augment": {"zoom": 0.1}}, lambda out: None)

    def go(command, children=None, threads=1) -> VariantResult:
        job = make_job(threads=threads)
        with disable_run_logger():
            outcome = train.train_variant.fn(job, views, workspace, children or FakeChildren(command))
        return outcome.result(raise_on_failure=False) if isinstance(outcome, State) else outcome

    return go


def test_a_student_is_another_training_for_every_teacher(tmp_path):
    views = Produced(stage="views", key="k", path=tmp_path / "views", cached=False)
    labels = [Produced(stage="soft_labels", key=key, path=tmp_path / key, cached=False) for key in ("a", "b")]
    jobs = [make_job(), *(make_job(soft_labels=one) for one in labels)]
    assert [train.training_inputs(job, views, None)["soft_labels"] for job in jobs] == ["", "a", "b"]
    asked = []

    def read_spec(out: Path, threads: int) -> None:
        asked.append(FitSpec.model_validate_json((out / "spec.json").read_text()).soft_labels)

    for job in jobs:
        train.train_in_child(job, views, None, FakeChildren(read_spec), lambda: lambda event: None, None, tmp_path)
    assert asked == [None, tmp_path / "a", tmp_path / "b"]


def test_an_unfinished_training_of_other_code_is_named_and_not_resumed(tmp_path):
    other, out, done = (tmp_path / name for name in (".old.work", ".new.work", ".done.work"))
    for folder, name in ((other, "compact"), (out, "compact"), (done, "light")):
        folder.mkdir()
        (folder / "spec.json").write_text(json.dumps({"name": name}))
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            train, "get_run_logger", lambda: SimpleNamespace(info=lambda text, *values: said.append(text % values))
        )
        train.log_unfinished(make_job(), out)
    assert len(said) == 1
    assert str(other) in said[0] and "starts at epoch 1" in said[0]


def write_result(out: Path) -> None:
    result = VariantResult(name="compact", description="", status="trained")
    (out / "result.json").write_text(result.model_dump_json())


def test_a_resume_keeps_the_threads_of_its_plan(fit):
    seen = []

    def killed_once(out: Path, threads: int) -> None:
        seen.append((threads, FitSpec.model_validate_json((out / "spec.json").read_text()).threads))
        if len(seen) == 1:
            plan = make_plan(FitSpec.model_validate_json((out / "spec.json").read_text()), 100, None)
            (out / "plan.json").write_text(plan.model_dump_json())
            raise ChildKilled("SIGKILL")
        write_result(out)

    with pytest.raises(ChildKilled):
        fit(killed_once, threads=1)
    fit(killed_once, threads=2)
    assert seen == [(1, 1), (1, 1)]


def test_a_failed_training_keeps_the_epochs_that_it_finished(fit):
    history = make_epochs(0.5, np.random.default_rng(0), count=3)

    def diverge(out: Path, threads: int) -> None:
        save_checkpoint(out, [], TrainState(history=history))
        raise PipelineError("got a training loss of nan")

    result = fit(diverge)
    assert (result.status, result.reason) == ("failed", "got a training loss of nan")
    assert result.epochs == history


def test_a_repeat_has_the_key_of_a_training_with_that_seed_and_a_name_of_its_own(tmp_path):
    job = make_job(seed=43)
    repeat = job.model_copy(update={"is_repeat": True})
    views = Produced(stage="views", key="k", path=tmp_path, cached=False)
    assert training_inputs(repeat, views, None) == training_inputs(job, views, None)
    assert training_inputs(make_job(seed=42), views, None) != training_inputs(job, views, None)
    assert (job.title, repeat.title) == ("compact", "compact (seed 43)")
    assert artifact_key(repeat.title) == "training-compact-seed-43"
    assert artifact_key("cnn_gray") == "training-cnn-gray"


@pytest.mark.parametrize("is_short", [False, True])
def test_a_result_names_the_augmentation_of_the_views_that_it_was_trained_on(tmp_path, is_short):
    workspace = Workspace(tmp_path)
    usual = workspace.produce("views", {"views": 20, "augment": {"zoom": 0.15}}, lambda out: None)
    short = workspace.produce("views", {"views": 8, "augment": {"zoom": 0.1}}, lambda out: None)
    (tmp_path / "trained").mkdir()
    result = VariantResult(name="compact", description="", status="trained", plan=VariantPlan(short_views=is_short))
    (tmp_path / "trained" / "result.json").write_text(result.model_dump_json())
    trained = Produced(stage="variants", key="k", path=tmp_path / "trained", cached=False)
    loaded = train.load_result(make_job(short_views=short), trained, usual)
    assert loaded.augmentation == ({"views": 8, "zoom": 0.1} if is_short else {"views": 20, "zoom": 0.15})


def test_a_training_that_fails_at_once_has_no_epochs(fit):
    def fail(out: Path, threads: int) -> None:
        raise PipelineError("no images")

    assert fit(fail).epochs == ()


def test_a_run_that_ends_waits_for_no_other_run(fit):
    holds, done = threading.Event(), threading.Event()

    def hold(out: Path, threads: int) -> None:
        holds.set()
        done.wait(20)
        write_result(out)

    holder = threading.Thread(target=fit, args=[hold])
    holder.start()
    assert holds.wait(20)
    ending = FakeChildren(None)
    ending.stop()
    assert "another run holds" in fit(None, ending).reason
    done.set()
    holder.join()
