"""Task that decides whether the best variant of a run replaces the champion."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

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
from data.workspace.store import Produced, Workspace
from models.evaluation.comparison import rank_variants
from models.evaluation.predictions import read_predictions
from models.jobs import commands
from models.jobs.files import NETWORK_NAME
from models.jobs.specs import ScoreSpec
from models.promotion import decide
from models.promotion.decide import decide_promotion
from models.promotion.evidence import (
    JUDGED_PART,
    Evidence,
    RegisteredChampion,
    ScoredModel,
    identify_images,
    judge_model,
    measure_reload,
    read_scored_model,
    score_champion,
)
from models.promotion.policy import PromotionPolicy
from models.registry.champion import ModelRegistry
from models.registry.model_names import name_model
from models.registry.tags import NAME_TAG, SYNTHETIC_TAG, VARIANT_TAG
from reports.run.sections.champion import decision_markdown
from tasks.dataset.validate import load_summary
from tasks.publish.run_results import Outcome, ReportedStages, load_changes_of, load_decision
from tasks.publish.truths import load_truth
from tasks.support.child_processes import Children, ChildStopped, ignore_event, run_on_spec
from tasks.support.outcomes import finish, record_if_done
from tasks.support.progress import watched

KEY_MODULES = (decide, commands.RESCORE)

UNDECIDED = "No decision"


@dataclass(frozen=True)
class Contenders:
    """Trained variants of a run, and what is needed to judge them."""

    variants: list[VariantResult]
    """Trained ones, the challenger first."""
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
    """Judge the most accurate variant against the champion; the same variants on the same data are judged only once.

    A variant whose epoch was chosen by the judged images comes after all others, whatever its accuracy.

    Args:
        variants: of the run.
        stages: the data that they were trained on.
        policy: criteria for a new champion.
        workspace: contains the variants and the data; the decision is written into it.
        children: score networks in child processes.

    Returns:
        The stage with the decision, or None if there is nothing to decide or MLflow, which knows the champion, is
        unreachable: then the next run decides, and the message of the state says why.
    """
    trained = [variant for variant in rank_variants(variants) if variant.status == "trained" and variant.directory]
    trained.sort(key=lambda variant: variant.monitor == JUDGED_PART)  # they cannot be promoted, whatever they reach
    if not trained:
        return None
    model = name_model(trained[0].data_format)
    inputs = {
        "candidates": {variant.name: variant.training for variant in trained},
        "views": stages.views.key,
        "dataset": stages.dataset.key,
        "verdict": stages.verdict.key,
        "truth": stages.truth,
        "model": model,
        "policy": policy.model_dump(mode="json"),
        "code": digest_sources(KEY_MODULES),
    }
    contenders = Contenders(trained, stages, ModelRegistry(workspace.root, model), workspace, children)
    try:
        produced = workspace.produce(
            DECISIONS_STAGE, inputs, partial(_decide, contenders, policy), give_up=children.is_stopping
        )
    except (ChildKilled, ChildStopped):
        raise
    except TransientError as error:
        get_run_logger().warning("no decision on the champion; the next run decides: %s", error)
        return Completed(name=UNDECIDED, message=f"the next run decides: {error}")  # type: ignore[return-value]
    decision = load_decision(produced)
    get_run_logger().info(decision.summary)
    create_markdown_artifact(key="decision", markdown=decision_markdown(decision), description=decision.summary)
    return finish(produced, produced.cached)


def read_outcome(state: State[Produced | None]) -> Outcome:
    """Read the decision of a `decide_on_champion` that ended, and the reason if it made none.

    If the decision failed, the report is published anyway and gives the reason.

    Raises:
        ChildStopped: the run is ending.
    """
    if state.name == UNDECIDED:
        return Outcome(undecided=state.message or "")
    if state.is_completed():
        return Outcome(record_if_done(state))
    error: Any = state.result(raise_on_failure=False)
    if isinstance(error, ChildStopped):
        raise error
    return Outcome(undecided=f"the decision failed: {error}")


def _decide(contenders: Contenders, policy: PromotionPolicy, out: Path) -> None:
    stages = contenders.stages
    images = identify_images(ViewsIndex.load(stages.views.path))
    data, truth = load_summary(stages.dataset), load_truth(stages.dataset, stages.truth)
    candidates = tuple(read_scored_model(variant, images, data.synthetic) for variant in contenders.variants)
    champion = _find_champion(contenders, images, out)
    evidence = Evidence(
        candidates=tuple(judge_model(candidate, truth) for candidate in candidates),
        challenger=candidates[0].key,
        champion=judge_model(champion, truth) if champion else None,
        classes=data.data_format.labels,
        findings=(*data.after.findings, *load_changes_of(stages.verdict)),
        reload_difference=_reload(contenders, out / "challenger"),
        rolled_back=contenders.registry.rolled_back(),
        truth=truth.name,
    )
    (out / DECISION_NAME).write_text(decide_promotion(policy, evidence).model_dump_json(indent=1), encoding="utf-8")


def _find_champion(contenders: Contenders, images: str, out: Path) -> ScoredModel | None:
    registry, number = contenders.registry, contenders.registry.champion()
    if not number:
        return None
    tags = registry.show(number).tags
    champion = RegisteredChampion(
        variant=tags.get(NAME_TAG, "champion"),
        key=tags.get(VARIANT_TAG, f"version {number}"),
        synthetic=tags.get(SYNTHETIC_TAG) == "true",
        fetch_network=partial(registry.fetch_network, number, out),
    )
    training = contenders.workspace.root / VARIANTS_STAGE / champion.key
    score = partial(_score, contenders, out / "champion")
    return score_champion(champion, training, contenders.stages.views.key, images, score)


def _reload(contenders: Contenders, out: Path) -> float | None:
    """Load and score the challenger's saved network; None if that fails."""
    directory = Path(contenders.variants[0].directory)
    try:
        again = _score(contenders, out, directory / NETWORK_NAME)
    except (ChildKilled, ChildStopped):
        raise
    except PipelineError as error:
        get_run_logger().warning("could not score the saved network of %s: %s", contenders.variants[0].name, error)
        return None
    return measure_reload(again, directory)


def _score(contenders: Contenders, out: Path, network: Path) -> pd.DataFrame:
    """Predict the validation part with a network in a child process; rows are sorted by image id."""
    out.mkdir()
    threads = threads_per_child(1)
    spec = ScoreSpec(network=network.resolve(), records=contenders.stages.views.path, part=JUDGED_PART, threads=threads)
    run_on_spec(contenders.children, commands.RESCORE, spec, out, ignore_event, threads=threads)
    return read_predictions(out, JUDGED_PART)
