"""Decide whether the best variant of a run takes the champion's place, on evidence that is collected for it."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from data.base.errors import ChildKilled, PipelineError, TransientError
from data.records.training import VariantResult
from data.system.hardware import threads_per_child
from data.views.tfrecords import ViewsIndex
from data.workspace.digests import digest_sources
from data.workspace.layout import DECISION_NAME, DECISIONS_STAGE, VARIANTS_STAGE
from data.workspace.store import Produced, Workspace, read_record
from models.evaluation.comparison import rank_variants
from models.evaluation.predictions import probabilities_of, read_predictions
from models.jobs import commands
from models.jobs.files import CHILD_LOG_NAME, RESULT_NAME, SPEC_NAME
from models.jobs.files import NETWORK_NAME as MODEL_NAME
from models.jobs.specs import ScoreSpec
from models.promotion import decide
from models.promotion.decide import decide_promotion
from models.promotion.evidence import JUDGED_PART, Evidence, ScoredModel, identify_images, read_scored_model
from models.promotion.policy import PromotionPolicy
from models.registry.tracking import VARIANT_TAG
from models.registry.versions import NAME_TAG, SYNTHETIC_TAG, ModelRegistry
from reports.dataset.exhibits import load_evidence
from reports.run.sections.champion import decision_markdown
from tasks.dataset.validate import load_summary
from tasks.publish.run_results import ReportedStages, load_decision
from tasks.support.child_processes import Children, ChildStopped, ignore_event
from tasks.support.outcomes import finish, record_if_done
from tasks.support.progress import watched

KEY_MODULES = (decide, commands.RESCORE)

UNDECIDED = "No decision"


class Contenders(NamedTuple):
    """A run's trained variants, and what judges them."""

    variants: list[VariantResult]
    """Trained ones, the most accurate first."""
    stages: ReportedStages
    registry: ModelRegistry
    workspace: Workspace
    children: Children


@task(task_run_name="decide on the champion", cache_policy=NO_CACHE)
@watched
def decide_on_champion(
    variants: list[VariantResult],
    stages: ReportedStages,
    policy: PromotionPolicy,
    workspace: Workspace,
    children: Children,
) -> Produced | None:
    """Judge the most accurate variant against the champion; the same variants on the same data are judged once.

    Args:
        variants: of the run.
        stages: the data that they were trained on.
        policy: what is asked of a new champion.
        workspace: has all of it, and gets the decision.
        children: score networks.

    Returns:
        The stage with the decision, or None where there is nothing to decide or MLflow, which knows the champion, is
        away: the next run decides then, and the state's message says why.
    """
    trained = [variant for variant in rank_variants(variants) if variant.status == "trained" and variant.directory]
    if not trained:
        return None
    inputs = {
        "candidates": {variant.name: Path(variant.directory).name for variant in trained},
        "views": stages.views.key,
        "dataset": stages.dataset.key,
        "verdict": stages.verdict.key,
        "policy": policy.model_dump(mode="json"),
        "code": digest_sources(KEY_MODULES),
    }
    contenders = Contenders(trained, stages, ModelRegistry(workspace.root), workspace, children)
    try:
        produced = workspace.produce(
            DECISIONS_STAGE, inputs, partial(_decide, contenders, policy), give_up=children.is_stopping
        )
    except (ChildKilled, ChildStopped):
        raise
    except TransientError as error:
        get_run_logger().warning("no decision on the champion, the next run takes it: %s", error)
        return Completed(name=UNDECIDED, message=f"the next run takes it: {error}")  # type: ignore[return-value]
    decision = load_decision(produced)
    get_run_logger().info(decision.summary)
    create_markdown_artifact(key="decision", markdown=decision_markdown(decision), description=decision.summary)
    return finish(produced, produced.cached)


def read_outcome(state: State[Produced | None]) -> tuple[Produced | None, str]:
    """Return the decision of an ended `decide_on_champion`, and why there is none where one was asked for.

    A decision that failed is told in the report, which does not wait for it.

    Raises:
        ChildStopped: the run is ending.
    """
    if state.name == UNDECIDED:
        return None, state.message or ""
    if state.is_completed():
        return record_if_done(state), ""
    error: Any = state.result(raise_on_failure=False)
    if isinstance(error, ChildStopped):
        raise error
    return None, f"the decision failed: {error}"


def _decide(contenders: Contenders, policy: PromotionPolicy, out: Path) -> None:
    evidence = collect_evidence(contenders, out)
    (out / DECISION_NAME).write_text(decide_promotion(policy, evidence).model_dump_json(indent=1))


def collect_evidence(contenders: Contenders, out: Path) -> Evidence:
    """Collect what the decision rests on; the champion is scored again where it was scored on other images.

    Raises:
        TransientError: MLflow is away.
        PipelineError: a child failed, or there is no validation image.
    """
    variants, stages = contenders.variants, contenders.stages
    images = identify_images(ViewsIndex.load(stages.views.path))
    data = load_summary(stages.dataset)
    candidates = tuple(read_scored_model(variant, images, data.synthetic) for variant in variants)
    return Evidence(
        candidates=candidates,
        challenger=candidates[0].key,
        champion=_find_champion(contenders, images, out),
        findings=(*data.after.findings, *load_evidence(stages.verdict.path).changes),
        reload_difference=_measure_reload(contenders, out / "challenger"),
        rolled_back=contenders.registry.rolled_back(),
    )


def _find_champion(contenders: Contenders, images: str, out: Path) -> ScoredModel | None:
    """Return the champion with its answers to the same images, or None where there is none."""
    registry, number = contenders.registry, contenders.registry.champion()
    if not number:
        return None
    version = registry.show(number)
    key, synthetic = version.tags.get(VARIANT_TAG, f"version {number}"), version.tags.get(SYNTHETIC_TAG) == "true"
    directory = contenders.workspace.root / VARIANTS_STAGE / key
    if not (directory / MODEL_NAME).exists():  # of another workspace, so that its latency is not known either
        get_run_logger().info("scoring the champion, version %s, from MLflow", number)
        predictions = _score(contenders, registry.fetch_network(number, out), out / "champion")
        return ScoredModel(version.tags.get(NAME_TAG, "champion"), key, images, predictions, synthetic=synthetic)
    stored = VariantResult.model_validate_json((directory / RESULT_NAME).read_text())
    model = read_scored_model(stored.model_copy(update={"directory": str(directory)}), images, synthetic)
    if read_record(directory).inputs.get("views") == contenders.stages.views.key:
        return model
    get_run_logger().info("scoring the champion %s on this validation split", model.name)
    return replace(model, predictions=_score(contenders, directory / MODEL_NAME, out / "champion"))


def _measure_reload(contenders: Contenders, out: Path) -> float | None:
    """Return how far the challenger's saved network is from its stored predictions; None where it cannot be loaded."""
    directory = Path(contenders.variants[0].directory)
    try:
        again = _score(contenders, directory / MODEL_NAME, out)
    except (ChildKilled, ChildStopped):
        raise
    except PipelineError as error:
        get_run_logger().warning("the saved network of %s could not be asked: %s", contenders.variants[0].name, error)
        return None
    stored = read_predictions(directory, JUDGED_PART)
    return float(np.abs(probabilities_of(again) - probabilities_of(stored)).max())


def _score(contenders: Contenders, network: Path, out: Path) -> pd.DataFrame:
    """Return a network's predictions of the validation part, sorted by image id."""
    out.mkdir()
    threads = threads_per_child(1)
    spec = ScoreSpec(network=network.resolve(), records=contenders.stages.views.path, part=JUDGED_PART, threads=threads)
    (out / SPEC_NAME).write_text(spec.model_dump_json(indent=1))
    contenders.children.run(commands.RESCORE, out, out / CHILD_LOG_NAME, ignore_event, threads=threads)
    return read_predictions(out, JUDGED_PART)
