"""Last run that a Prefect server knows, for `emotion status`."""

from datetime import datetime
from typing import NamedTuple


class RunLine(NamedTuple):
    """Facts on a run that fit in one line."""

    flow: str
    name: str
    state: str
    when: datetime


def last_run() -> RunLine | None:
    """Return the run that started last on the server of PREFECT_API_URL, or None if there was no run."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterStartTime
    from prefect.client.schemas.sorting import FlowRunSort

    started = FlowRunFilter(start_time=FlowRunFilterStartTime(is_null_=False))
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=started, sort=FlowRunSort.START_TIME_DESC, limit=1)
        if not runs or not runs[0].start_time:
            return None
        flow = client.read_flow(runs[0].flow_id)
        return RunLine(flow.name, runs[0].name, runs[0].state_name or "", runs[0].start_time.astimezone())
