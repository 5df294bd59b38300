"""Task of one training on whichever host of a work pool takes it: this side starts it, follows it, and moves it."""

import time
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.runtime import flow_run
from prefect.states import Failed

from data.base.errors import PipelineError, VariantUnavailable
from data.records.training import VariantResult
from data.shared_store.leases import break_lease
from data.shared_store.news import NewsReader
from data.shared_store.objects import ObjectStore
from data.workspace.digests import hash_json
from data.workspace.layout import VARIANTS_STAGE
from data.workspace.store import Produced, Workspace
from models.catalog.needs import needs_of
from models.catalog.variants import Variant
from models.jobs.events import parse_event
from tasks.support.child_processes import Children, ChildStopped, EventHandler
from tasks.support.outcomes import finish
from tasks.support.pool_runs import PoolRuns
from tasks.support.progress import tell, watched
from tasks.training.remote import RemoteTraining
from tasks.training.train import TrainingJob, load_result, skip, training_inputs, unfinished_result, weights_of
from tasks.training.training_log import TrainingLog

FLOW = "train-variant"

MOST_MOVES = 3
"""Times that a training is given to another host after its host vanished."""

DEADLINE_SECONDS = 24 * 3600.0
"""Longest time of one training, with all waits and moves."""

LOOK_SECONDS = 1.0
SILENT_SECONDS = 90.0
"""A host that wrote no news for so long is gone; it writes some every 10 seconds."""

REMIND_SECONDS = 60.0

POD_WAITS = "InfrastructurePending"
"""Name of the state in which Kubernetes looks for a node or fetches the image: nobody can write news yet."""


@task(task_run_name="train {job.title}", cache_policy=NO_CACHE)
@watched
def train_elsewhere(
    job: TrainingJob, views: Produced, workspace: Workspace, children: Children, pool: str, store: ObjectStore
) -> VariantResult:
    """Train and evaluate one variant on a worker of a pool; see `tasks.training.train.train_variant`.

    Args:
        job: the training; threads and directories are those of the host that takes it.
        views: in the store.
        workspace: gets the finished training.
        children: of the run; once the run ends, the training is cancelled.
        pool: name of the work pool.
        store: that the hosts share.
    """
    try:
        weights = weights_of(job, children)
    except VariantUnavailable as error:
        return skip(job, error)  # type: ignore[return-value]
    key = hash_json(training_inputs(job, views, weights))
    try:
        found = workspace.look_up(VARIANTS_STAGE, key, give_up=children.is_stopping)
        if found is None:
            remote = RemoteTraining.describe(job, views, key, str(flow_run.id or ""))
            with get_client(sync_client=True) as client:
                runs = PoolRuns(client, FLOW, pool, job_variables(job.variant))
                Followed(runs, store, remote, job.title, children, TrainingLog(job.title, job.train.monitor)).to_end()
        produced = found or workspace.obtain(VARIANTS_STAGE, key)
    except ChildStopped:
        raise
    except PipelineError as error:
        failed = unfinished_result(job.variant, "failed", str(error), monitor=job.train.monitor)
        return Failed(message=str(error), data=failed)  # type: ignore[return-value]
    return finish(load_result(job, produced, views), found is not None)


def job_variables(variant: Variant) -> dict[str, Any]:
    """Return what the job of a variant's training asks for, as deploy/kubernetes/base-job-template.json names it."""
    needs = needs_of(variant)
    return {"memory": f"{needs.memory_gib}Gi", **({"gpus": needs.gpus} if needs.gpus else {})}


class Followed:
    """A training on another host, from here.

    Args:
        runs: of the deployment.
        store: with the news of the run.
        remote: the training.
        title: its name in logs.
        children: of the run; once the run ends, the training is cancelled.
        log: handler of the events of the training.
    """

    def __init__(
        self,
        runs: PoolRuns,
        store: ObjectStore,
        remote: RemoteTraining,
        title: str,
        children: Children,
        log: EventHandler,
    ) -> None:
        self.runs, self.store, self.remote, self.title = runs, store, remote, title
        self.children, self.log, self.logger = children, log, get_run_logger()
        self.until = time.monotonic() + DEADLINE_SECONDS

    def to_end(self) -> None:
        """Start the training, or find it started, and follow it until it is finished; move it if its host vanishes.

        Raises:
            ChildStopped: the run is ending; the training is cancelled.
            PipelineError: it failed, was cancelled, was moved too often, or took too long.
        """
        moves, number = 0, 0
        while moves <= MOST_MOVES:
            run = self._start(number)
            number += 1
            if _ended_badly(run):  # in an earlier attempt of this flow run: a run that was made now has not started
                continue
            if self._follow(run):
                return
            moves += 1
            self.logger.warning("%s: its host is gone; it resumes on another one after its last epoch", self.title)
        raise PipelineError(
            f"got {moves} hosts that vanished while they trained {self.title}, expected at most {MOST_MOVES}: look at "
            "the workers' logs for lack of memory, then run again; finished epochs are kept"
        )

    def _start(self, number: int) -> FlowRun:
        mark = f"{self.remote.parent}-{self.remote.key}-{number}"
        parameters: dict[str, Any] = {"training": self.remote.model_dump(mode="json")}
        return self.runs.start(f"{self.title} for {flow_run.name or 'a run'}", parameters, mark)

    def _follow(self, run: FlowRun) -> bool:
        """Follow a run to its end; return False if its host vanished."""
        reader, watch = NewsReader(self.store, str(run.id)), Watch()
        try:
            while True:
                self._end_if_told(run)
                found = self.runs.look(run.id)
                reader.read(self._take)
                if found.state and found.state.is_final():
                    return self._judge(found)
                if watch.is_gone(found, reader):
                    self.runs.crash(run.id, f"The host {reader.host or 'that took it'} gave no sign of life.")
                    break_lease(self.store, VARIANTS_STAGE, self.remote.key, reader.host, reader.process)
                    return False
                if watch.is_waiting(found):
                    self.logger.info("%s: waits for a worker or a node of the pool", self.title)
                time.sleep(LOOK_SECONDS)
        finally:
            reader.forget()

    def _end_if_told(self, run: FlowRun) -> None:
        if self.children.is_stopping():
            self.runs.cancel(run.id)
            raise ChildStopped(f"the training of {self.title} on another host was cancelled: the run is ending")
        if time.monotonic() > self.until:
            self.runs.cancel(run.id)
            raise PipelineError(
                f"got no result of {self.title} within {DEADLINE_SECONDS / 3600:.0f} hours, expected one: see the "
                "worker's log; finished epochs are kept"
            )

    def _judge(self, run: FlowRun) -> bool:
        """Return whether a run that ended has trained; False if its process crashed."""
        if run.state is None or run.state.type == StateType.COMPLETED:
            return True
        if run.state.type == StateType.CRASHED:
            return False
        if run.state.type == StateType.CANCELLED:
            raise PipelineError(f"got {self.title}, which was cancelled on its host, expected it to end: run again")
        raise PipelineError(f"{self.title} failed on its host: {run.state.message}")

    def _take(self, line: str) -> None:
        """Pass on an event of the training, as one of a child of this process."""
        event = parse_event(line)
        tell(event)
        self.log(event)


class Watch:
    """Watch over a run that may have lost its host, or that waits for one."""

    def __init__(self) -> None:
        self._type, self._since, self._reminded = None, time.monotonic(), time.monotonic()

    def is_gone(self, run: FlowRun, reader: NewsReader) -> bool:
        """Tell whether the host of a run that was taken gave no sign of life for `SILENT_SECONDS`."""
        kind = run.state.type if run.state and run.state.name != POD_WAITS else None
        if kind != self._type:
            self._type, self._since = kind, time.monotonic()
        taken = kind in (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
        silent = min(reader.silent_seconds(), time.monotonic() - self._since)
        return taken and silent > SILENT_SECONDS

    def is_waiting(self, run: FlowRun) -> bool:
        """Tell from time to time that no worker has taken the run."""
        waits = run.state and (run.state.type == StateType.SCHEDULED or run.state.name == POD_WAITS)
        if waits and time.monotonic() - self._reminded > REMIND_SECONDS:
            self._reminded = time.monotonic()
            return True
        return False


def _ended_badly(run: FlowRun) -> bool:
    """Tell whether a run has ended without a training."""
    return bool(run.state and run.state.is_final() and run.state.type != StateType.COMPLETED)
