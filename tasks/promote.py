"""Register challengers, move the alias `champion`, and tell of it."""

from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from data.records import VariantResult
from data.workspace import Produced, Workspace
from models.mlflow_store import MODEL_NAME
from models.moves import Move, Step
from models.registry import ModelRegistry, version_tags
from tasks.children import Children
from tasks.track import write_report

CHAMPION_CHANGED = "emotion.champion.changed"
MODEL_RESOURCE = f"emotion.model.{MODEL_NAME}"
HISTORY_ROWS = 50


@task(task_run_name="register {result.name}", cache_policy=NO_CACHE)
def register_challenger(
    result: VariantResult, report: Produced, workspace: Workspace, children: Children, decision: str = ""
) -> int:
    """Make a version of a trained variant and let the alias `challenger` name it.

    Args:
        result: the variant.
        report: the finished report that compares it.
        workspace: has both, and the journal.
        children: writes the report into MLflow first, where it is not there yet.
        decision: what was decided of it and why, in words or as JSON; kept as a tag.

    Returns:
        The version.

    Raises:
        PipelineError: MLflow is away, or the variant has no model.
    """
    tracked, _ = write_report(report, workspace, children)
    tags = version_tags(Path(result.directory).name, result.name, report.key, decision)
    registry = ModelRegistry(workspace.root)
    version = registry.register(tracked.variants[result.name], tags)
    if version != registry.champion():
        registry.set_challenger(version)
    get_run_logger().info("%s is version %s of the model %s", result.name, version, MODEL_NAME)
    return version


@task(task_run_name="move champion to version {version}", cache_policy=NO_CACHE)
def move_champion(version: int, by: str, reason: str, workspace: Workspace, move_id: str = "") -> Move | None:
    """Make a version champion and tell of it.

    Args:
        version: the new champion.
        by: who or what moves it.
        reason: why.
        workspace: has the journal.
        move_id: names the request, so that a retry moves nothing again.

    Returns:
        The move, or None where the version is champion already.

    Raises:
        PipelineError: there is no such version, MLflow is away, or another move is under way.
    """
    registry = ModelRegistry(workspace.root)
    move = registry.move_champion(version, by, reason, move_id)
    if move is None:
        get_run_logger().info("version %s is the champion already", version)
    else:
        _tell(move, registry)
    return move


@task(task_run_name="roll champion back", cache_policy=NO_CACHE)
def roll_back_champion(by: str, reason: str, workspace: Workspace, move_id: str = "") -> Move:
    """Make the version champion again that was it before, and tell of it.

    Raises:
        PipelineError: there is no earlier champion, it was deleted, MLflow is away, or another move is under way.
    """
    registry = ModelRegistry(workspace.root)
    move = registry.rollback(by, reason, move_id)
    _tell(move, registry)
    return move


@task(task_run_name="settle moves", cache_policy=NO_CACHE)
def settle_moves(workspace: Workspace) -> list[Step]:
    """Complete the record of a move of the champion that was interrupted, and tell of what came about."""
    registry = ModelRegistry(workspace.root)
    steps = registry.settle_moves()
    for step in steps:
        if step.event == "done":
            _tell(step.move, registry)
    return steps


def announce_move(move: Move) -> None:
    """Emit the event that automations wait for; each try of one move emits the same one."""
    payload = {"from": move.source, "to": move.target, "by": move.by, "reason": move.reason, "kind": move.kind}
    resource = {"prefect.resource.id": MODEL_RESOURCE, "prefect.resource.name": MODEL_NAME}
    emit_event(CHAMPION_CHANGED, resource=resource, payload={**payload, "move": move.id})


def history_rows(steps: list[Step]) -> list[dict[str, Any]]:
    """Return the moves as rows of a table, newest first; "none" stands for no version."""
    return [
        {
            "when (UTC)": step.at[:19].replace("T", " "),
            "move": step.move.kind,
            "from": step.move.source or "none",
            "to": step.move.target or "none",
            "by": step.move.by,
            "reason": step.move.reason,
        }
        for step in reversed(steps)
    ]


def _tell(move: Move, registry: ModelRegistry) -> None:
    get_run_logger().info(
        "champion: version %s, before it %s; by %s: %s", move.target, move.source or "none", move.by, move.reason
    )
    announce_move(move)
    create_table_artifact(
        key="champion",
        table=history_rows(registry.history())[:HISTORY_ROWS],
        description=f"Version {move.target} of the model {MODEL_NAME} is champion; every move, newest first",
    )
