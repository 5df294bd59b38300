"""What a run exports: the challenger, or a champion that has no export yet."""

import pytest

from data.records.promotion import Decision, ModelIdentity
from data.workspace.layout import DECISION_NAME
from data.workspace.store import Workspace
from flows.steps.publish import start_export


class Runner:
    """Keeps what it is asked to run."""

    def submit(self, task, parameters):
        return task.name, parameters["key"]


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def train(workspace, name):
    return workspace.produce("variants", {"variant": name}, lambda out: (out / "model.keras").write_text("")).key


def decide(workspace, outcome, challenger, champion=None):
    named = {"challenger": ModelIdentity(variant="light", key=challenger)}
    if champion:
        named["champion"] = ModelIdentity(variant="compact", key=champion)
    decision = Decision(outcome=outcome, candidates=1, images=1, criteria=(), summary="", **named)
    write = lambda out: (out / DECISION_NAME).write_text(decision.model_dump_json())  # noqa: E731
    return workspace.produce("decisions", decision.model_dump(mode="json"), write)


def exported(workspace, *decision):
    return start_export(decide(workspace, *decision), workspace, None, Runner())


@pytest.mark.parametrize("outcome", ["promote", "ask"])
def test_a_challenger_that_is_or_may_become_champion_is_exported(workspace, outcome):
    champion, challenger = train(workspace, "compact"), train(workspace, "light")
    assert exported(workspace, outcome, challenger, champion) == ("export_variant", challenger)


def test_a_champion_that_stays_is_exported_once(workspace):
    champion, challenger = train(workspace, "compact"), train(workspace, "light")
    assert exported(workspace, "keep", challenger, champion) == ("export_variant", champion)
    workspace.produce("exports", {"training": champion}, lambda out: (out / "bundle.json").write_text("{}"))
    assert exported(workspace, "keep", challenger, champion) is None


def test_a_champion_of_another_workspace_is_not_exported(workspace):
    assert exported(workspace, "keep", train(workspace, "light"), "0" * 16) is None
    assert exported(workspace, "keep", train(workspace, "light")) is None
