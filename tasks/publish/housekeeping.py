"""Pruning after a run: remove stages that the newest reports do not need, and the Prefect runs behind them."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from data.workspace.prune import KindCount, RunPruner, prune_workspace
from data.workspace.reachability import PrunePolicy
from data.workspace.store import Workspace
from tasks.publish.report import refresh_index
from tasks.support.progress import watched

OUR_FLOWS = ("retrain", "ingest", "audit", "tune", "promote", "rollback")
OUR_TAG = "emotion"
"""Tag of every deployment in prefect.yaml, and so of its runs."""

PAGE = 200
LOG_SECONDS = 10.0
"""Longest wait for a server to remove the logs of a run, which it does after its answer."""

SECOND = timedelta(seconds=1)
"""The time of a report is rounded to seconds."""


@task(task_run_name="prune workspace", cache_policy=NO_CACHE)
@watched
def prune_after_run(
    workspace: Workspace, policy: PrunePolicy, owns_server: bool, run_pruners: Sequence[RunPruner] = ()
) -> tuple[KindCount, ...]:
    """Remove everything that the newest reports do not need, except the stages of the running flow.

    Args:
        workspace: workspace of the running flow.
        policy: what is kept.
        owns_server: see `prune_flow_runs`.
        run_pruners: pruners of stores outside the workspace.
    """
    counts, times = prune_workspace(workspace, policy, run_pruners=run_pruners)
    refresh_index(workspace)
    counts = (*counts, prune_flow_runs(times, policy.keep, False, owns_server))
    for count in counts:
        if count.removed:
            freed = count.removed_bytes / 1e6
            get_run_logger().info("removed %d %s, %.1f MB; %d stay", count.removed, count.kind, freed, count.kept)
    return counts


def prune_flow_runs(times: Sequence[datetime], keep: int, dry_run: bool, owns_server: bool) -> KindCount:
    """Remove finished runs of this project's flows from the Prefect server, with task runs, artifacts and logs.

    The newest runs of each flow stay, and those that made a report that stays.

    Args:
        times: times at which the kept reports were made.
        keep: number of runs of each flow that stay.
        dry_run: count only.
        owns_server: whether only this workspace uses the server. On a shared server only runs of this project's
            deployments are removed, because another project may have a flow of the same name.
    """
    with get_client(sync_client=True) as client:
        runs = list(_finished_runs(client, owns_server))
        kept = {run.id: reason for run, reason in _kept_runs(runs, times, keep)}
        gone = [run.id for run in runs if run.id not in kept]
        if not dry_run:
            for run_id in gone:
                _delete_run(client, run_id)
            _wait_until(lambda: not _has_logs(client, gone))
    reasons = list(kept.values())
    return KindCount("Prefect runs", len(gone), 0, len(kept), 0, {name: reasons.count(name) for name in set(reasons)})


def _finished_runs(client: SyncPrefectClient, owns_server: bool) -> Iterator[FlowRun]:
    """Yield the finished runs of this project's flows, newest first."""
    of_ours = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(TERMINAL_STATES))),
        tags=None if owns_server else FlowRunFilterTags(all_=[OUR_TAG]),
    )
    offset = 0
    while page := client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=list(OUR_FLOWS))),
        flow_run_filter=of_ours,
        sort=FlowRunSort.END_TIME_DESC,
        limit=PAGE,
        offset=offset,
    ):
        yield from page
        offset += len(page)


def _kept_runs(runs: Sequence[FlowRun], times: Sequence[datetime], keep: int) -> Iterator[tuple[FlowRun, str]]:
    seen: dict[UUID, int] = defaultdict(int)
    for run in runs:
        seen[run.flow_id] += 1
        if seen[run.flow_id] <= keep:
            yield run, "latest of their flow"
        elif any(_made(run, made) for made in times):
            yield run, "kept reports"


def _made(run: FlowRun, made: datetime) -> bool:
    """Check whether a report of this time was made during the run."""
    return bool(run.start_time and run.end_time and run.start_time - SECOND <= made <= run.end_time)


def _delete_run(client: SyncPrefectClient, run_id: UUID) -> None:
    """Delete a run after its artifacts: if a kill comes between, the next pruning finds the run."""
    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
    while artifacts := client.read_artifacts(artifact_filter=of_run, limit=PAGE):
        for artifact in artifacts:
            if artifact.id:
                client.delete_artifact(artifact.id)
    try:
        client.delete_flow_run(run_id)
    except ObjectNotFound:  # another process pruned it
        return


def _has_logs(client: SyncPrefectClient, run_ids: Sequence[UUID]) -> bool:
    pages = (run_ids[start : start + PAGE] for start in range(0, len(run_ids), PAGE))
    filters = (LogFilter(flow_run_id=LogFilterFlowRunId(any_=list(page))) for page in pages)
    return any(client.read_logs(log_filter=of_runs, limit=1) for of_runs in filters)


def _wait_until(done: Callable[[], bool]) -> None:
    """Wait until the logs are removed: a server that ends with this process would leave them."""
    deadline = time.monotonic() + LOG_SECONDS
    while not done() and time.monotonic() < deadline:
        time.sleep(0.1)
