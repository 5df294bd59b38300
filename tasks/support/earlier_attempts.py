"""Task runs that an earlier attempt of a flow run left behind when its process was killed."""

from typing import Any

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Crashed

LEFT = [StateType.RUNNING, StateType.PENDING]


def crash_earlier_tasks(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Mark task runs that still count as running when an attempt begins as crashed; a flow's hook `on_running`.

    A new attempt has no tasks yet, so these belong to a process that was killed. Nothing else would ever end them, and
    the page of a completed run would show them as running.
    """
    with get_client(sync_client=True) as client:
        left = client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id])),
            task_run_filter=TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=LEFT))),
        )
        crashed = Crashed(message="The process of this attempt was killed; a later attempt went on.")
        for task_run in left:
            client.set_task_run_state(task_run.id, crashed, force=True)
