"""Challengers from a finished report: the real child command writes it, the variant becomes one version."""

import pytest
from prefect.logging import disable_run_logger

from data.base.errors import PipelineError
from data.records.promotion import Decision, ModelIdentity
from data.records.run import RunResults
from data.workspace.store import Produced, Workspace
from models.registry.champion import ModelRegistry
from models.registry.journal import ChampionMove, move_rows
from models.registry.versions import CHALLENGER
from tasks.publish import promote
from tasks.publish.promote import recover_interrupted_moves, register_challenger
from tasks.support.child_processes import training_children
from tests.support.registry_factory import make_report
from tests.support.tiny_network import save_tiny_network


def make_decision(outcome, summary) -> Decision:
    challenger = ModelIdentity(variant="compact", key="compact")
    return Decision(outcome=outcome, challenger=challenger, candidates=1, images=100, criteria=(), summary=summary)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def report(workspace):
    workspace.claim()
    save_tiny_network(workspace.root / "model.keras")
    path = make_report(workspace.root, "report1", workspace.root / "model.keras")
    return Produced(stage="reports", key="report1", path=path, cached=False)


@pytest.fixture
def registered(workspace, report):
    results = RunResults.model_validate_json((report.path / "results.json").read_text())

    def register(name, decision=None):
        variant = next(variant for variant in results.variants if variant.name == name)
        with disable_run_logger(), training_children() as children:
            return register_challenger(variant, report, workspace, children, decision)

    return register


def test_a_variant_becomes_the_challenger_and_has_one_version(registered, workspace):
    assert registered("compact", make_decision("promote", "accuracy +2.1 points, low end +0.4")) == 1
    assert registered("compact") == 1
    (version,) = ModelRegistry(workspace.root).list_versions()
    assert version.aliases == (CHALLENGER,)
    assert version.tags["emotion.report"] == "report1"
    assert version.model_id.startswith("m-")
    assert version.tags["emotion.decision"] == "promote: accuracy +2.1 points, low end +0.4"
    assert version.tags["emotion.synthetic"] == "true"


def test_a_variant_that_failed_is_no_challenger(registered):
    with pytest.raises(PipelineError, match="without a model"):
        registered("cnn_wide")


def test_what_is_settled_is_told(registered, workspace, monkeypatch):
    version, told = registered("compact"), []
    monkeypatch.setattr(promote, "_tell", lambda move, registry: told.append(move))
    registry = ModelRegistry(workspace.root)
    registry.client.set_registered_model_alias("emotion", "champion", str(version))
    with disable_run_logger():
        recover_interrupted_moves.fn(workspace)
        recover_interrupted_moves.fn(workspace)
    assert [(move.kind, move.target) for move in told] == [("outside", version)]
    assert move_rows(registry.history())[0]["from"] == "none"
    assert isinstance(told[0], ChampionMove)
