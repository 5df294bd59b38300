"""Set-up of a Prefect server for this project: work pool, deployments, schedules and automations."""

import os
import subprocess
from pathlib import Path

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from flows.server.environment import RUN_ENVIRONMENT
from flows.service.parts import POOL, SCRIPTS
from flows.service.schedule import apply_schedule, read_schedule
from flows.settings import Settings, settings_environment

JOB_TEMPLATE = {
    "job_configuration": {"env": RUN_ENVIRONMENT, "stream_output": True},
    "variables": {"type": "object", "properties": {}, "additionalProperties": False},
}
"""How a worker starts the process of a run."""


def deploy_all(settings: Settings) -> list[str]:
    """Set up the server of PREFECT_API_URL; calling it again changes only what differs.

    Returns:
        The names of the automations that notify.

    Raises:
        PipelineError: a deployment, the schedule or the block that is notified is wrong.
    """
    from flows.service.automations import apply_automations

    make_pool()
    deploy_flows(settings)
    apply_schedule(read_schedule(settings.workspace), settings.schedule_cron)
    return apply_automations(settings.notify_block)


def make_pool() -> None:
    """Create the work pool if the server does not have it, and give it our template of a job.

    The template has no variables: neither a deployment nor a run can choose the command, the folder or the environment
    of its process.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
    from prefect.workers.process import ProcessWorker

    with get_client(sync_client=True) as client:
        try:
            found = client.read_work_pool(POOL)
        except ObjectNotFound:
            try:
                client.create_work_pool(
                    WorkPoolCreate(name=POOL, type=ProcessWorker.type, base_job_template=JOB_TEMPLATE)
                )
            except ObjectAlreadyExists:  # another process created it first
                return
        else:
            if found.base_job_template != JOB_TEMPLATE:
                client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=JOB_TEMPLATE))


def deploy_flows(settings: Settings) -> None:
    """Deploy every flow of prefect.yaml."""
    command = [SCRIPTS / "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", PROJECT_ROOT / "prefect.yaml"]
    environment = {**os.environ, **settings_environment(settings), "PWD": str(PROJECT_ROOT), "PYTHONPATH": _path()}
    outcome = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    if outcome.returncode:
        raise PipelineError(
            f"the deployments of {PROJECT_ROOT / 'prefect.yaml'} could not be created: "
            f"{(outcome.stderr or outcome.stdout).strip()[-2000:]}"
        )


def _path() -> str:
    """Return the import path on which the deployed flows find this project even if it is not installed."""
    return os.pathsep.join(filter(None, (str(Path(PROJECT_ROOT)), os.environ.get("PYTHONPATH"))))
