"""The task of the vote: what it asks of its child, and when there is no vote."""

from pathlib import Path

import numpy as np
import pytest
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger

from data.base.errors import PipelineError
from data.records.training import VariantResult
from data.workspace.store import Workspace
from models.jobs.specs import EnsembleSpec
from tasks.training.ensemble import build_ensemble
from tests.support.results_factory import make_part
from tests.tasks.training.test_train import FakeChildren


@pytest.fixture
def vote(tmp_path):
    """Vote with a function in place of the child; returns the task's result."""
    workspace = Workspace(tmp_path)

    def go(command, names=("compact", "residual")) -> VariantResult:
        variants = [
            VariantResult(name=name, description="", status="trained", directory=str(tmp_path / name)) for name in names
        ]
        variants.append(VariantResult(name="cnn_2", description="", status="failed", reason="NaN"))
        with disable_run_logger():
            outcome = build_ensemble.fn(variants, workspace, FakeChildren(command))
        return outcome.result(raise_on_failure=False) if isinstance(outcome, State) else outcome

    return go


def test_the_child_gets_the_trained_ones_alone_and_its_result_is_kept(vote):
    asked = []

    def run(out: Path, threads: int) -> None:
        asked.append(EnsembleSpec.model_validate_json((out / "spec.json").read_text()).candidates)
        parts = {"validation": make_part((9, 9, 9, 9), 0.7, np.random.default_rng(0))}
        result = VariantResult(name="ensemble", description="", status="trained", parts=parts)
        (out / "result.json").write_text(result.model_dump_json())

    first, second = vote(run), vote(run)
    assert [set(candidates) for candidates in asked] == [{"compact", "residual"}]
    assert first == second
    assert (first.status, Path(first.directory).parent.name) == ("trained", "variants")


def test_one_trained_variant_makes_no_vote(vote):
    result = vote(None, names=("compact",))
    assert (result.status, result.reason) == ("skipped", "a vote takes two trained variants, and there are 1")


def test_a_vote_that_fails_says_why(vote):
    def run(out: Path, threads: int) -> None:
        raise PipelineError("disk full")

    result = vote(run)
    assert (result.status, result.reason) == ("failed", "disk full")
