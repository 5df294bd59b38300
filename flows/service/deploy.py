"""Set-up of a Prefect server for this project: work pool, deployments, schedules and automations."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from flows.server.environment import RUN_ENVIRONMENT
from flows.service.deployments import DEPLOYMENTS, TRAINING_ENTRYPOINT
from flows.service.parts import POOL
from flows.service.schedule import apply_schedule, read_schedule
from flows.settings import Settings, settings_environment

DEPLOY_SECONDS = 600

PROCESS = "process"
"""Prefect's type of a work pool whose worker starts processes on its own host."""

JOB_TEMPLATE = {
    "job_configuration": {"env": RUN_ENVIRONMENT, "stream_output": True},
    "variables": {"type": "object", "properties": {}, "additionalProperties": False},
}
"""How a worker starts the process of a run."""


def deploy_all(settings: Settings, deployment: subprocess.Popen[str] | None = None) -> list[str]:
    """Set up the server of PREFECT_API_URL; calling it again changes only what differs.

    Args:
        settings: schedule and notifications.
        deployment: process of `deployment_of_flows`, if it was started before the server answered.

    Returns:
        The names of the automations that notify.

    Raises:
        PipelineError: a deployment, the schedule or the block that is notified is wrong.
    """
    from flows.service.automations import apply_automations

    make_pool()
    if deployment:
        finish_deployment(deployment)
    else:
        deploy_flows(settings)
    apply_schedule(read_schedule(settings.workspace), settings.schedule_cron)
    return apply_automations(settings.notify_block)


def offer_pool(pool: str, kind: str = PROCESS, template: dict[str, Any] | None = None) -> None:
    """Create a work pool for trainings of other hosts, and the deployment that runs them there.

    Args:
        pool: its name.
        kind: its type in Prefect.
        template: of a job; by default that of a process.
    """
    from prefect.client.orchestration import get_client

    from flows.train_variant import train_for_another_host

    make_pool(pool, kind, template)
    with get_client(sync_client=True) as client:
        client.create_deployment(
            client.create_flow(train_for_another_host),
            pool,
            work_pool_name=pool,
            entrypoint=TRAINING_ENTRYPOINT,
            description="One training that a run on another host asked for.",
            tags=["emotion"],
        )


def make_pool(name: str = POOL, kind: str = PROCESS, template: dict[str, Any] | None = None) -> None:
    """Create a work pool if the server does not have it, and give it our template of a job.

    The template of a process has no variables: neither a deployment nor a run can choose the command, the folder or the
    environment of its process.

    Args:
        name: of the pool.
        kind: its type in Prefect.
        template: of a job; by default that of a process.

    Raises:
        PipelineError: the pool is there and has another type, which Prefect cannot change.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    wanted = template or JOB_TEMPLATE
    with get_client(sync_client=True) as client:
        try:
            found = client.read_work_pool(name)
        except ObjectNotFound:
            try:
                client.create_work_pool(WorkPoolCreate(name=name, type=kind, base_job_template=wanted))
            except ObjectAlreadyExists:  # another process created it first
                return
        else:
            if found.type != kind:
                raise PipelineError(
                    f"got the pool {name!r}, which has the type {found.type}, expected {kind}: choose another name"
                )
            if found.base_job_template != wanted:
                client.update_work_pool(name, WorkPoolUpdate(base_job_template=wanted))


def deploy_flows(settings: Settings) -> None:
    """Deploy every flow of prefect.yaml."""
    with deployment_of_flows(settings) as process:
        finish_deployment(process)


@contextmanager
def deployment_of_flows(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """Start the process that deploys every flow of prefect.yaml, and end it with the block; see `finish_deployment`."""
    environment = {**os.environ, **settings_environment(settings), "PWD": str(PROJECT_ROOT), "PYTHONPATH": _path()}
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.service.deploy_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=PROJECT_ROOT,
        env=environment,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def finish_deployment(process: subprocess.Popen[str]) -> None:
    """Let the process of `deployment_of_flows` deploy, now that the server answers.

    Raises:
        PipelineError: a deployment could not be made, or it took too long.
    """
    try:
        said, _ = process.communicate("now\n", timeout=DEPLOY_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise PipelineError(f"the deployments of {DEPLOYMENTS} were not made within {DEPLOY_SECONDS} s") from error
    if process.returncode:
        raise PipelineError(f"the deployments of {DEPLOYMENTS} could not be created: {said.strip()[-2000:]}")


def _path() -> str:
    """Return the import path on which the deployed flows find this project even if it is not installed."""
    return os.pathsep.join(filter(None, (str(Path(PROJECT_ROOT)), os.environ.get("PYTHONPATH"))))
