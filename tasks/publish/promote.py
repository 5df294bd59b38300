"""Tasks that register challengers, move the alias `champion`, and announce the move."""

import json
from pathlib import Path

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from data.base.errors import TransientError
from data.records.promotion import Decision
from data.records.training import VariantResult
from data.workspace.digests import hash_json
from data.workspace.layout import APPLIED_DECISIONS_STAGE
from data.workspace.stage_record import read_record
from data.workspace.store import Produced, Workspace
from models.export.find import find_export
from models.export.reported import find_reported
from models.registry.champion import ModelRegistry
from models.registry.connection import MODEL_NAME
from models.registry.journal import ChampionMove, JournalEntry, move_rows
from models.registry.model_names import name_model
from models.registry.tags import version_tags
from tasks.publish.export import export_tags
from tasks.publish.run_results import load_decision, load_results
from tasks.publish.track import write_report
from tasks.support.child_processes import Children
from tasks.support.events import APPROVAL_REQUESTED, CHAMPION_CHANGED, emit
from tasks.support.outcomes import finish
from tasks.support.progress import watched

VERSION_NAME = "version.json"

BY_POLICY = "the promotion policy"

HISTORY_ROWS = 50


@task(task_run_name="apply decision", cache_policy=NO_CACHE)
@watched
def apply_decision(
    decision: Produced, variants: list[VariantResult], report: Produced, workspace: Workspace, children: Children
) -> int:
    """Apply the decision on the champion once: move it, or ask for approval; an interrupted try is completed.

    Args:
        decision: the finished stage of the decision.
        variants: variants of the run, the challenger among them.
        report: the finished report with the decision in it.
        workspace: contains the journal.
        children: write the report into MLflow first, if it is not there yet.

    Returns:
        The challenger's version, or 0 if nothing changes.

    Raises:
        PipelineError: MLflow is unreachable; the next run applies the decision.
    """
    inputs = {"decision": decision.key, "made": read_record(decision.path).created}
    decided, move_id = load_decision(decision), hash_json(inputs)

    def write(out: Path) -> None:
        version = 0
        if decided.outcome != "keep":
            challenger = next(v for v in variants if v.training == decided.challenger.key)
            version = register_challenger(challenger, report, workspace, children, decided)
            registry = ModelRegistry(workspace.root, name_model(challenger.data_format))
            if decided.outcome == "promote":
                _tell_of(registry.move_champion(version, BY_POLICY, decided.summary, move_id), version, registry)
            else:
                emit(APPROVAL_REQUESTED, registry.model, version=version, summary=decided.summary)
        (out / VERSION_NAME).write_text(json.dumps(version), encoding="utf-8")

    done = workspace.produce(APPLIED_DECISIONS_STAGE, inputs, write, give_up=children.is_stopping)
    return finish(json.loads((done.path / VERSION_NAME).read_text()), done.cached)


def register_challenger(
    result: VariantResult,
    report: Produced,
    workspace: Workspace,
    children: Children,
    decision: Decision | None = None,
) -> int:
    """Register a trained variant as a version, and set the alias `challenger` to it unless it is the champion.

    Args:
        result: the variant.
        report: the finished report that compares it.
        workspace: contains both, and the journal.
        children: write the report into MLflow first, if it is not there yet.
        decision: the decision on the variant, with reasons; stored as a tag.

    Returns:
        The version.

    Raises:
        PipelineError: MLflow is unreachable, or the variant has no model.
    """
    tracked, _ = write_report(report, workspace, children)
    synthetic = load_results(report).data.synthetic
    decided = f"{decision.outcome}: {decision.summary}" if decision else ""
    tags = version_tags(result.training, result.name, report.key, workspace.id, decided, synthetic)
    registry = ModelRegistry(workspace.root, name_model(result.data_format))
    version = registry.register(tracked.variants[result.name], tags)
    reported = find_reported(workspace.root, result.training, report.key)
    if export := find_export(workspace.root, result.training, reported):
        registry.describe(version, export_tags(export))
    if version != registry.champion():
        registry.set_challenger(version)
    get_run_logger().info("%s is version %s of the model %s", result.name, version, registry.model)
    return version


@task(task_run_name="move champion to version {version}", cache_policy=NO_CACHE)
@watched
def move_champion(
    version: int, by: str, reason: str, workspace: Workspace, move_id: str = "", model: str = MODEL_NAME
) -> ChampionMove | None:
    """Make a version the champion and announce it.

    Args:
        version: the new champion.
        by: who or what moves it.
        reason: why.
        workspace: contains the journal.
        move_id: id of the request, so that a retry does not move it again.
        model: name of the registered model.

    Returns:
        The move, or None if the version is the champion already.

    Raises:
        PipelineError: the version does not exist, MLflow is unreachable, or another move is under way.
    """
    registry = ModelRegistry(workspace.root, model)
    move = registry.move_champion(version, by, reason, move_id)
    _tell_of(move, version, registry)
    return move


@task(task_run_name="roll champion back", cache_policy=NO_CACHE)
@watched
def roll_back_champion(
    by: str, reason: str, workspace: Workspace, move_id: str = "", model: str = MODEL_NAME
) -> ChampionMove:
    """Make the previous champion the champion again, and announce it.

    Raises:
        PipelineError: no earlier champion exists, it was deleted, MLflow is unreachable, or another move is under way.
    """
    registry = ModelRegistry(workspace.root, model)
    move = registry.rollback(by, reason, move_id)
    _tell(move, registry)
    return move


@task(task_run_name="recover champion moves", cache_policy=NO_CACHE)
@watched
def recover_interrupted_moves(workspace: Workspace) -> list[JournalEntry]:
    """Complete the record of an interrupted move of the champion, and announce the moves that happened.

    If MLflow is unreachable, the next run does it.
    """
    entries: list[JournalEntry] = []
    try:
        for name in ModelRegistry(workspace.root).list_models():
            registry = ModelRegistry(workspace.root, name)
            for entry in registry.recover_interrupted_moves():
                entries.append(entry)
                if entry.event == "done":
                    _tell(entry.move, registry)
    except TransientError as error:
        get_run_logger().warning("could not check for interrupted moves of the champion; the next run does: %s", error)
    return entries


def announce_move(move: ChampionMove, model: str) -> None:
    """Emit the event that automations wait for; every try of one move emits the same event."""
    payload = {"from": move.source, "to": move.target, "by": move.by, "reason": move.reason, "kind": move.kind}
    resource = {"prefect.resource.id": f"emotion.model.{model}", "prefect.resource.name": model}
    emit_event(CHAMPION_CHANGED, resource=resource, payload={**payload, "move": move.id})


def _tell_of(move: ChampionMove | None, version: int, registry: ModelRegistry) -> None:
    if move is None:
        get_run_logger().info("version %s is the champion already", version)
    else:
        _tell(move, registry)


def _tell(move: ChampionMove, registry: ModelRegistry) -> None:
    get_run_logger().info(
        "champion: version %s, before it %s; by %s: %s", move.target, move.source or "none", move.by, move.reason
    )
    announce_move(move, registry.model)
    create_table_artifact(
        key="champion",
        table=move_rows(registry.history())[:HISTORY_ROWS],
        description=f"Version {move.target} of the model {registry.model} is champion; every move, newest first",
    )
