"""Flows `promote` and `rollback`, which choose the version of the model that consumers get."""

from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from data.base.errors import PipelineError
from data.workspace.store import Workspace
from flows.settings import load_settings
from models.registry.champion import ModelRegistry
from tasks.publish.promote import move_champion, roll_back_champion
from tasks.support.earlier_attempts import crash_earlier_tasks

Reason = Annotated[str, Field(max_length=500, description="Why, for the record of moves")]


@flow(name="promote", flow_run_name="promote version {version}", log_prints=False, on_running=[crash_earlier_tasks])
def promote(
    version: Annotated[
        int, Field(ge=0, description="Number of the version; 0 takes the challenger that waits for approval")
    ] = 0,
    reason: Reason = "",
) -> int:
    """Make a version of the model champion.

    Args:
        version: its number; 0 takes the challenger.
        reason: why, for the record.

    Returns:
        The champion's version.
    """
    workspace = Workspace(load_settings().workspace)
    chosen = version or waiting_challenger(workspace)
    move_champion(chosen, asker(), reason or "approved by hand", workspace, move_id())
    return chosen


@flow(name="rollback", flow_run_name="roll back the champion", log_prints=False, on_running=[crash_earlier_tasks])
def rollback(reason: Reason = "rolled back by hand") -> int:
    """Make the previous champion the champion again; a second rollback goes further back.

    Args:
        reason: why, for the record.

    Returns:
        The champion's version.
    """
    workspace = Workspace(load_settings().workspace)
    return roll_back_champion(asker(), reason, workspace, move_id()).target


def waiting_challenger(workspace: Workspace) -> int:
    """Find the version that waits for approval.

    Raises:
        PipelineError: no version waits.
    """
    version = ModelRegistry(workspace.root).challenger()
    if not version:
        raise PipelineError(
            "got version 0, which stands for the challenger, but none waits: give a number of emotion models list"
        )
    return version


def asker() -> str:
    """Name this flow run as the one that moves the champion."""
    return f"flow run {flow_run.name} ({flow_run.id})"


def move_id() -> str:
    """Identify the move of this flow run, with the same id at each try."""
    return str(flow_run.id or "")
