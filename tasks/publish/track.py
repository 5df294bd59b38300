"""Task that writes finished runs into MLflow.

If MLflow is unreachable, the run still succeeds, and the next run writes the missing reports.
"""

import logging
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Annotated

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import AfterValidator, ValidationError

from data.base.errors import PipelineError
from data.base.record import Record
from data.workspace.atomic import write_atomically
from data.workspace.digests import hash_json
from data.workspace.layout import MLFLOW_FOLDER, REPORTS_STAGE, TRACKED_STAGE
from data.workspace.store import Produced, Workspace
from models.jobs import commands
from models.jobs.files import RESULT_NAME
from models.registry.connection import shown_uri, tracking_uri
from models.registry.tracking import TrackedReport, TrackSpec, tracking_inputs
from tasks.support.child_processes import Children, ChildStopped, ignore_event, run_on_spec
from tasks.support.links import link_mlflow_run
from tasks.support.outcomes import finish
from tasks.support.progress import watched

logger = logging.getLogger(__name__)

WAITING = Path(MLFLOW_FOLDER) / "waiting"


class Waiting(Record):
    """Report that is not in MLflow yet: a file in WORKSPACE/mlflow/waiting until it is written."""

    report: Annotated[str, AfterValidator(lambda place: PurePath(place).name)]
    """Its key; earlier versions stored its directory."""
    flow_run_id: str = ""


@task(task_run_name="track report", cache_policy=NO_CACHE)
@watched
def track_report(report: Produced, workspace: Workspace, children: Children) -> TrackedReport | None:
    """Write a report into MLflow, and the reports of earlier runs that are missing there.

    Args:
        report: the finished report.
        workspace: contains the variants that it compares.
        children: start the child commands that write.

    Returns:
        Its runs in MLflow, or None if it could not be written: the task completes as Deferred and gives the reason,
        and the next run writes the report.
    """
    queue_for_mlflow(report, workspace)
    try:
        tracked, cached = write_report(report, workspace, children)
    except ChildStopped:
        raise
    except PipelineError as error:
        get_run_logger().warning("this run is not in MLflow yet; the next run writes it: %s", error)
        return Completed(name="Deferred", message=str(error)[:500], data=None)  # type: ignore[return-value]
    link_mlflow_run(tracked.experiment_id, tracked.run_id)
    address = shown_uri(tracking_uri(workspace.root))  # the record has a place that stays true if the workspace moves
    get_run_logger().info("this report is MLflow run %s at %s", tracked.run_id, address)
    _write_waiting(workspace, children)
    return finish(tracked, cached)


def queue_for_mlflow(report: Produced, workspace: Workspace) -> None:
    """Add a report to the queue of reports to write into MLflow, with the run that made it."""
    path = workspace.root / WAITING / f"{report.key}.json"
    key = hash_json(tracking_inputs(report.key, workspace.root))
    if path.exists() or (report.cached and workspace.find(TRACKED_STAGE, key)):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, Waiting(report=report.key, flow_run_id=str(flow_run.id or "")).model_dump_json())


def list_waiting(workspace: Workspace) -> list[Waiting]:
    """List the reports that are not in MLflow yet; drop those that no longer exist."""
    return list(_read_waiting(workspace))


def write_report(report: Produced, workspace: Workspace, children: Children) -> tuple[TrackedReport, bool]:
    """Write one report into MLflow, unless it is there already.

    Returns:
        Its runs, and whether it was there already.

    Raises:
        PipelineError: MLflow is unreachable, or refused the request.
    """
    path = workspace.root / WAITING / f"{report.key}.json"
    queued = _read_queued(path) or Waiting(report=report.key)
    tracked, cached = _write(queued, workspace, children)
    path.unlink(missing_ok=True)
    return tracked, cached


def _write(waiting: Waiting, workspace: Workspace, children: Children) -> tuple[TrackedReport, bool]:
    def write(out: Path) -> None:
        spec = TrackSpec(
            report=workspace.directory(REPORTS_STAGE, waiting.report),
            workspace=workspace.root,
            workspace_id=workspace.id,
            flow_run_id=waiting.flow_run_id,
        )
        run_on_spec(children, commands.TRACKING, spec, out, ignore_event)

    inputs = tracking_inputs(waiting.report, workspace.root)
    stage = workspace.produce(TRACKED_STAGE, inputs, write, give_up=children.is_stopping)
    return TrackedReport.model_validate_json((stage.path / RESULT_NAME).read_bytes()), stage.cached


def _write_waiting(workspace: Workspace, children: Children) -> None:
    """Write the reports that earlier runs could not write; one that fails again stays in the queue."""
    for waiting in _read_waiting(workspace):
        try:
            _write(waiting, workspace, children)
        except ChildStopped:
            raise
        except PipelineError as error:
            get_run_logger().warning("report %s is not in MLflow yet: %s", waiting.report, error)
        else:
            (workspace.root / WAITING / f"{waiting.report}.json").unlink(missing_ok=True)
            get_run_logger().info("report %s of an earlier run is in MLflow now", waiting.report)


def _read_waiting(workspace: Workspace) -> Iterator[Waiting]:
    for path in sorted((workspace.root / WAITING).glob("*.json")):
        waiting = _read_queued(path)
        if waiting is None:
            continue
        if workspace.directory(REPORTS_STAGE, waiting.report).is_dir():
            yield waiting
        else:
            path.unlink(missing_ok=True)  # the report was pruned


def _read_queued(path: Path) -> Waiting | None:
    """Read the file of a report that waits; None if another run wrote the report meanwhile, or the file is damaged."""
    try:
        return Waiting.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        logger.warning("%s is damaged and has no effect (%s); delete it", path, error)  # also called outside a run
        return None
