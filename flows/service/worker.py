"""Prefect worker that runs the deployments of this project alone: `python -m flows.service.worker [NAME]`.

Whoever may write to Prefect's server can make a deployment with any pull step or entry point, or change the command
and the environment of the work pool's jobs. This worker refuses everything but our own flows, started as we start them.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.logging import get_logger
from prefect.utilities.processutils import setup_signal_handlers_worker
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from flows.server.environment import RUN_ENVIRONMENT
from flows.service.deployments import DEPLOYMENTS, TRAINING_ENTRYPOINT, own_entrypoints
from flows.service.parts import POOL

PULL_STEP = "prefect.deployments.steps.set_working_directory"


class OwnJob(ProcessJobConfiguration):
    """Job of a run, which is refused if it is not one of our own flows, started as we start it."""

    def prepare_for_flow_run(
        self, flow_run: FlowRun, deployment: DeploymentResponse | None = None, *others: Any, **named: Any
    ) -> None:
        """Prepare the job, as the worker does before it starts a run.

        Raises:
            PipelineError: the run is refused; the worker marks it as crashed, with this message.
        """
        require_own_flow(deployment)
        require_own_process(self)
        super().prepare_for_flow_run(flow_run, deployment, *others, **named)


def require_own_flow(deployment: DeploymentResponse | None) -> None:
    """Check that a deployment runs a flow of prefect.yaml from this project, or a training for another host.

    Raises:
        PipelineError: it does not.
    """
    entrypoint, steps = (deployment.entrypoint, deployment.pull_steps) if deployment else (None, None)
    if entrypoint == TRAINING_ENTRYPOINT and not steps:  # imported from this project, wherever it is on this host
        return
    if entrypoint not in own_entrypoints() or not _is_own_folder(steps or []):
        raise PipelineError(
            f"got a run of {entrypoint} with the pull steps {steps}, which this worker does not start: it runs only "
            f"the deployments of {DEPLOYMENTS}; emotion deploy makes them again"
        )


def require_own_process(job: ProcessJobConfiguration) -> None:
    """Check that the process of a run is started as the work pool of this project says.

    Raises:
        PipelineError: the pool, the deployment or the run names another command, folder or environment.
    """
    other = {name: value for name, value in job.env.items() if RUN_ENVIRONMENT.get(name) != value}
    if job.command or job.working_dir or other:
        raise PipelineError(
            f"got a run with the command {job.command!r}, the folder {job.working_dir} and the variables "
            f"{sorted(other)}, which this worker does not set: emotion deploy makes the work pool {POOL} again"
        )


def _is_own_folder(steps: list[dict[str, Any]]) -> bool:
    """Tell whether the only pull step is to change into this project's folder."""
    if len(steps) != 1 or set(steps[0]) != {PULL_STEP}:
        return False
    inputs = steps[0][PULL_STEP]
    folder = inputs.get("directory")
    return set(inputs) == {"directory"} and isinstance(folder, str) and Path(folder).resolve() == PROJECT_ROOT.resolve()


def work(name: str = "", pool: str = POOL, limit: int = 0) -> None:
    """Start runs of a work pool until told to stop.

    Args:
        name: of the worker in Prefect; empty for a new name.
        pool: work pool.
        limit: runs at the same time; 0: any number.
    """
    logger = get_logger("worker")
    setup_signal_handlers_worker(os.getpid(), "the worker", logger.info)
    worker = ProcessWorker(work_pool_name=pool, name=name or None, limit=limit or None, create_pool_if_not_found=False)
    worker.job_configuration = OwnJob
    try:
        asyncio.run(worker.start(printer=logger.info))
    except (asyncio.CancelledError, KeyboardInterrupt):
        logger.info("the worker stopped")


def main() -> None:
    """Work until told to stop; the name of the worker may be given."""
    work(sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    main()
