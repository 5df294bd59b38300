"""The decision after a run: what it rests on, when the champion is scored again, and what an absent MLflow does."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger
from prefect.states import Completed, Failed

from data.base.data_format import DataFormat
from data.base.errors import PipelineError
from data.records.training import Latency, VariantResult
from data.views.tfrecords import INDEX_NAME, RecordFile, ViewsIndex
from data.workspace.layout import SUMMARY_NAME
from data.workspace.store import Produced, Workspace
from models.evaluation.predictions import name_columns
from models.jobs.files import PREDICTIONS_NAME
from models.jobs.specs import ScoreSpec
from models.promotion.policy import PromotionPolicy
from models.registry.champion import ModelRegistry
from models.registry.model_names import name_model
from tasks.publish import decide, promote
from tasks.publish.decide import decide_on_champion, read_outcome
from tasks.publish.promote import apply_decision
from tasks.publish.run_results import ReportedStages, load_decision
from tasks.support.child_processes import Children, ChildStopped
from tests.support.results_factory import make_data, make_part
from tests.support.seed_format import CLASSES

IMAGES = 400
LABELS = np.arange(IMAGES) % len(CLASSES)


class Scoring(Children):
    """Children whose one command answers as the network's file says, in place of Keras."""

    def __init__(self) -> None:
        super().__init__()
        self.scored: list[str] = []

    def run(self, module, argument, log, on_event, threads=1) -> None:
        assert module == "models.training.rescore"
        spec = ScoreSpec.model_validate_json((argument / "spec.json").read_text())
        self.scored.append(argument.name)
        predict(float(spec.network.read_text())).to_parquet(argument / PREDICTIONS_NAME, index=False)


def predict(accuracy: float) -> pd.DataFrame:
    right = np.arange(IMAGES) < accuracy * IMAGES
    answers = np.where(right, LABELS, (LABELS + 1) % len(CLASSES))
    probabilities = np.full((IMAGES, len(CLASSES)), 0.1, np.float32)
    probabilities[np.arange(IMAGES), answers] = 0.7
    frame = pd.DataFrame(probabilities, columns=name_columns(len(CLASSES)))
    frame.insert(0, "image_id", [f"validation/{number:05d}.jpg" for number in range(IMAGES)])
    frame.insert(1, "part", "validation")
    frame.insert(2, "label", LABELS)
    return frame


class Lab:
    """A workspace with trained variants whose networks are files that name their accuracy."""

    def __init__(self, root: Path) -> None:
        self.workspace, self.children = Workspace(root), Scoring()

    def stage(self, stage: str, inputs: dict, write) -> Produced:
        return self.workspace.produce(stage, inputs, write)

    def data(self, number: int = 1, synthetic: bool = False) -> ReportedStages:
        """Return the stages of a data set; each number is a validation split of its own."""
        file = RecordFile(
            name="v", part="validation", view=0, shard=0, images=IMAGES, bytes=1, sha256=f"pixels{number}"
        )
        index, data = ViewsIndex(files=(file,)), make_data(synthetic, clean=True)
        key = {"number": number, "synthetic": synthetic}
        change = self.stage("changes", key, lambda out: None)
        return ReportedStages(
            dataset=self.stage("datasets", key, lambda out: put(out / SUMMARY_NAME, data)),
            verdict=self.stage("verdicts", {"change": change.key}, lambda out: None),
            views=self.stage("views", key, lambda out: put(out / INDEX_NAME, index)),
            audit=None,
        )

    def variant(self, name: str, accuracy: float, stages: ReportedStages, monitor: str = "selection") -> VariantResult:
        """Return a trained variant of this accuracy."""
        part = make_part((100,) * len(CLASSES), accuracy, np.random.default_rng(0)).model_copy(
            update={"accuracy": accuracy}
        )
        latency = Latency(single_milliseconds=2.0, batched_milliseconds=1.0, batch_images=64)
        result = VariantResult(
            name=name,
            description="",
            status="trained",
            parts={"validation": part, "selection": part},
            latency=latency,
            monitor=monitor,
        )

        def write(out: Path) -> None:
            put(out / "result.json", result)
            (out / "model.keras").write_text(str(accuracy))
            predict(accuracy).to_parquet(out / PREDICTIONS_NAME, index=False)

        inputs = {"variant": name, "accuracy": accuracy, "views": stages.views.key, "monitor": monitor}
        made = self.stage("variants", inputs, write)
        return result.model_copy(update={"training": made.key, "directory": str(made.path)})

    def decide(self, variants, stages, **policy):
        with disable_run_logger():
            choice = PromotionPolicy(**policy)
            outcome = decide_on_champion.fn(variants, stages, choice, self.workspace, self.children)
        return outcome.result(raise_on_failure=False) if isinstance(outcome, State) else outcome

    def apply_decision(self, decision, variants):
        with disable_run_logger():
            report = Produced(stage="reports", key="r", path=self.workspace.root, cached=False)
            outcome = apply_decision.fn(decision, variants, report, self.workspace, self.children)
        return outcome.result(raise_on_failure=False) if isinstance(outcome, State) else outcome


def put(path: Path, record) -> None:
    path.write_text(record.model_dump_json())


@pytest.fixture
def events():
    return []


@pytest.fixture
def lab(tmp_path, monkeypatch, events):
    # Artifacts and events need a server, a version a model in MLflow: tests/flows/test_retrain.py has all three.
    monkeypatch.setattr(decide, "create_markdown_artifact", lambda **artifact: None)
    monkeypatch.setattr(promote, "_tell", lambda move, registry: events.append((move.source, move.target)))
    monkeypatch.setattr(promote, "emit", lambda event, *_, **payload: events.append((event, payload["version"])))

    def register(result, report, workspace, children, decision):
        registry = ModelRegistry(workspace.root, name_model(result.data_format))
        with registry._exclusive():
            registry._ensure_registered()
        known = [
            one.version
            for one in registry.list_versions()
            if one.tags["emotion.variant"] == Path(result.directory).name
        ]
        tags = {"emotion.variant": Path(result.directory).name, "emotion.variant_name": result.name}
        source = Path(result.directory).as_uri()
        return (
            known[0] if known else int(registry.client.create_model_version(registry.model, source, tags=tags).version)
        )

    monkeypatch.setattr(promote, "register_challenger", register)
    return Lab(tmp_path)


def test_the_best_variant_is_judged_and_made_champion_once(lab, events):
    stages = lab.data()
    variants = [lab.variant("weak", 0.5, stages), lab.variant("strong", 0.8, stages)]
    decision = lab.decide(variants, stages)
    assert load_decision(decision).outcome == "promote"
    assert load_decision(decision).challenger.variant == "strong"
    assert lab.children.scored == ["challenger"], "the saved network was asked again"
    assert lab.apply_decision(decision, variants) == lab.apply_decision(decision, variants) == 1
    assert events == [(0, 1)]
    assert lab.decide(variants, stages).cached


def test_a_variant_whose_epoch_validation_chose_is_no_champion_and_no_challenger_beside_others(lab):
    stages = lab.data()
    peeking, fair = lab.variant("peeking", 0.82, stages, "validation"), lab.variant("fair", 0.8, stages)
    alone = load_decision(lab.decide([peeking], stages))
    assert (alone.outcome, [one.name for one in alone.failed]) == ("keep", ["epoch_chosen_elsewhere"])
    both = load_decision(lab.decide([peeking, fair], stages))
    assert (both.outcome, both.challenger.variant, both.candidates) == ("promote", "fair", 2)


def test_a_run_of_another_format_moves_its_own_champion_even_if_its_first_variant_was_skipped(lab):
    stages, other = lab.data(), DataFormat(labels=("angry", "disgust", "fear", "contempt"))
    trained = lab.variant("strong", 0.8, stages).model_copy(update={"data_format": other})
    variants = [VariantResult(name="skipped", description="", status="skipped"), trained]
    assert lab.apply_decision(lab.decide(variants, stages), variants) == 1
    assert ModelRegistry(lab.workspace.root, name_model(other)).champion() == 1
    assert ModelRegistry(lab.workspace.root).champion() == 0


def test_a_champion_of_the_same_images_is_not_scored_again(lab):
    stages = lab.data()
    first = [lab.variant("first", 0.6, stages)]
    lab.apply_decision(lab.decide(first, stages), first)
    lab.children.scored.clear()
    decision = load_decision(lab.decide([lab.variant("second", 0.8, stages)], stages))
    assert (decision.outcome, decision.champion.variant) == ("promote", "first")
    assert lab.children.scored == ["challenger"]


def test_a_champion_of_other_images_is_scored_on_these(lab):
    former, stages = lab.data(1), lab.data(2)
    first = [lab.variant("first", 0.6, former)]
    lab.apply_decision(lab.decide(first, former), first)
    lab.children.scored.clear()
    assert load_decision(lab.decide([lab.variant("second", 0.8, stages)], stages)).outcome == "promote"
    assert sorted(lab.children.scored) == ["challenger", "champion"]


def test_a_worse_one_leaves_the_champion(lab, events):
    stages = lab.data()
    first, second = [lab.variant("first", 0.8, stages)], [lab.variant("second", 0.7, stages)]
    lab.apply_decision(lab.decide(first, stages), first)
    decision = lab.decide(second, stages)
    assert load_decision(decision).outcome == "keep"
    assert lab.apply_decision(decision, second) == 0
    assert events == [(0, 1)]


def test_approval_by_hand_asks_once(lab, events):
    stages = lab.data()
    variants = [lab.variant("strong", 0.8, stages)]
    decision = lab.decide(variants, stages, approval="manual")
    assert load_decision(decision).outcome == "ask"
    lab.apply_decision(decision, variants)
    lab.apply_decision(decision, variants)
    assert events == [("emotion.approval.requested", 1)]
    assert ModelRegistry(lab.workspace.root).champion() == 0


def test_what_was_rolled_back_is_not_promoted_again(lab, events):
    stages, registry = lab.data(), ModelRegistry(lab.workspace.root)
    for name, accuracy in (("first", 0.6), ("second", 0.8)):
        variants = [lab.variant(name, accuracy, stages)]
        lab.apply_decision(lab.decide(variants, stages), variants)
    registry.rollback("a person", "worse in use")
    assert lab.decide(variants, stages).cached, "the run after it decides nothing"
    lab.apply_decision(lab.decide(variants, stages), variants)
    assert registry.champion() == 1
    again = load_decision(lab.decide(variants, stages, minimum_gain=0.01))
    assert [criterion.name for criterion in again.failed] == ["not_rolled_back"]
    registry.move_champion(2, "a person", "it was right after all")
    assert registry.rolled_back() == frozenset()


def test_generated_images_replace_no_real_ones(lab):
    real, generated = lab.data(1), lab.data(2, synthetic=True)
    first = [lab.variant("first", 0.6, real)]
    lab.apply_decision(lab.decide(first, real), first)
    decision = load_decision(lab.decide([lab.variant("toy", 0.8, generated)], generated))
    assert [criterion.name for criterion in decision.failed] == ["kind_of_images"]


def test_an_mlflow_that_is_away_defers_the_decision(lab, monkeypatch):
    stages = lab.data()
    variants = [lab.variant("strong", 0.8, stages)]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with disable_run_logger():
        state = decide_on_champion.fn(variants, stages, PromotionPolicy(), lab.workspace, lab.children)
    decision, undecided = read_outcome(state)
    assert decision is None
    assert "the next run decides" in undecided
    assert "127.0.0.1:1" in undecided
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert load_decision(lab.decide(variants, stages)).outcome == "promote"


def test_nothing_trained_is_nothing_to_decide(lab):
    failed = VariantResult(name="broken", description="", status="failed", reason="no memory")
    assert lab.decide([failed], lab.data()) is None


def test_a_decision_that_fails_is_a_reason_in_the_report_and_not_its_end():
    failed = Failed(message="Task run encountered an exception", data=PipelineError("got NaN as a probability"))
    assert read_outcome(failed) == (None, "the decision failed: got NaN as a probability")
    made = Produced(stage="decisions", key="d", path=Path(), cached=False)
    assert read_outcome(Completed(data=made)) == (made, "")


def test_a_run_that_ends_while_it_decides_publishes_nothing():
    with pytest.raises(ChildStopped):
        read_outcome(Failed(data=ChildStopped("models.training.rescore was stopped: the run is ending")))
