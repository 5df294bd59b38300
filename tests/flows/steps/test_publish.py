"""What a run exports: the challenger, or a champion that has no export yet."""

import pytest

from data.records.promotion import Decision, ModelIdentity
from data.workspace.layout import DATASETS_STAGE, DECISION_NAME, REPORTS_STAGE, SUMMARY_NAME
from data.workspace.store import Workspace
from flows.steps.publish import start_export
from models.export.reported import Reported
from models.registry.champion import ModelRegistry
from tasks.publish.run_results import ReportedStages
from tests.support.registry_factory import make_registry
from tests.support.results_factory import make_data


class Runner:
    """Keeps what it is asked to run."""

    def submit(self, task, parameters):
        return task.name, parameters["key"], parameters["reported"]


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


def judge_by(workspace, truth):
    """Write a data set, and return the stages of a run that judges by this truth."""
    write = lambda out: (out / SUMMARY_NAME).write_text(make_data().model_dump_json())  # noqa: E731
    dataset = workspace.produce(DATASETS_STAGE, {"for": truth}, write)
    return ReportedStages(dataset=dataset, verdict=dataset, views=dataset, audit=None, truth=truth)


def exported(workspace, *decision, truth="published"):
    submitted = start_export(decide(workspace, *decision), judge_by(workspace, truth), workspace, None, Runner())
    return submitted and submitted[:2]


def report(workspace, training, truth, dataset="d" * 16):
    """Write a report that names a training and judges by this truth; returns its key."""
    named = {"variants": {"compact": ["trained", "", 1, training]}, "truth": truth, "dataset": dataset}
    return workspace.produce(REPORTS_STAGE, named, lambda out: (out / "results.json").write_text("{}")).key


def test_a_challenger_is_judged_as_the_run_judges(workspace):
    stages = judge_by(workspace, "crowd")
    decision = decide(workspace, "promote", train(workspace, "light"))
    _, _, reported = start_export(decision, stages, workspace, None, Runner())
    assert reported == Reported("crowd", stages.dataset.key)


def test_a_champion_that_stays_is_judged_as_the_report_that_registered_it(workspace):
    champion, challenger = train(workspace, "compact"), train(workspace, "light")
    own = report(workspace, champion, "crowd")
    report(workspace, champion, "clear")
    make_registry(workspace.root, 1)
    registry = ModelRegistry(workspace.root)
    registry.describe(1, {"emotion.variant": champion, "emotion.report": own})
    registry.move_champion(1, "a test", "first")
    workspace.produce("exports", {"training": champion}, lambda out: (out / "bundle.json").write_text("{}"))
    decision, stages = decide(workspace, "keep", challenger, champion), judge_by(workspace, "published")
    assert start_export(decision, stages, workspace, None, Runner())[2] == Reported("crowd", "d" * 16)
    made = {"training": champion, "truth": "crowd", "dataset": "d" * 16}
    workspace.produce("exports", made, lambda out: (out / "bundle.json").write_text("{}"))
    assert start_export(decision, stages, workspace, None, Runner()) is None


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
