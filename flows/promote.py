"""Flows `promote` and `rollback`, which choose the version of the model that consumers get."""

from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from data.base.errors import PipelineError
from data.workspace.store import Workspace
from flows.logs import configure_logs
from flows.settings import load_settings
from models.registry.champion import ModelRegistry
from models.registry.connection import MODEL_NAME
from tasks.publish.export import export_registered
from tasks.publish.promote import move_champion, roll_back_champion
from tasks.support.child_processes import training_children
from tasks.support.earlier_attempts import crash_earlier_tasks

Model = Annotated[
    str, Field(max_length=200, description="Name of the registered model: each format of data sets has its own")
]
Reason = Annotated[str, Field(max_length=500, description="Why, for the record of moves")]


@flow(name="promote", flow_run_name="promote version {version}", log_prints=False, on_running=[crash_earlier_tasks])
def promote(
    version: Annotated[
        int, Field(ge=0, description="Number of the version; 0 takes the challenger that waits for approval")
    ] = 0,
    reason: Reason = "",
    model: Model = MODEL_NAME,
) -> int:
    """Make a version of the model champion.

    Args:
        version: its number; 0 takes the challenger.
        reason: why, for the record.
        model: name of the registered model.

    Returns:
        The champion's version.
    """
    configure_logs()
    workspace = Workspace(load_settings().workspace)
    chosen = existing_version(version, workspace, model)
    with training_children() as children:  # before the move: who follows the champion wants its export at once
        export_registered(chosen, workspace, children, model, return_state=True)
    move_champion(chosen, asker(), reason or "approved by hand", workspace, move_id(), model)
    return chosen


@flow(name="rollback", flow_run_name="roll back the champion", log_prints=False, on_running=[crash_earlier_tasks])
def rollback(reason: Reason = "rolled back by hand", model: Model = MODEL_NAME) -> int:
    """Make the previous champion the champion again; a second rollback goes further back.

    Args:
        reason: why, for the record.
        model: name of the registered model.

    Returns:
        The champion's version.
    """
    configure_logs()
    workspace = Workspace(load_settings().workspace)
    champion = roll_back_champion(asker(), reason, workspace, move_id(), model).target
    with training_children() as children:  # after the move, which is urgent
        export_registered(champion, workspace, children, model, return_state=True)
    return champion


def existing_version(version: int, workspace: Workspace, model: str) -> int:
    """Return the number of a version that exists; 0 stands for the one that waits for approval.

    Raises:
        PipelineError: no version waits, or none has this number.
    """
    registry = ModelRegistry(workspace.root, model)
    found = registry.show(version).version if version else registry.challenger()
    if not found:
        raise PipelineError(
            "got version 0, which stands for the challenger, but none waits: give a number of emotion models list"
        )
    return found


def asker() -> str:
    """Name this flow run as the one that moves the champion."""
    return f"flow run {flow_run.name} ({flow_run.id})"


def move_id() -> str:
    """Identify the move of this flow run, with the same id at each try."""
    return str(flow_run.id or "")
