"""Bring a Prefect server to what this project needs: work pool, deployments, schedules, automations."""

import os
import subprocess
from pathlib import Path

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from flows.service.parts import POOL, SCRIPTS
from flows.service.schedule import apply_schedule, read_schedule
from flows.settings import Settings, settings_environment


def deploy_all(settings: Settings) -> list[str]:
    """Arrange the server of PREFECT_API_URL, which may be done again and again.

    Returns:
        The names of the automations that notify.

    Raises:
        PipelineError: a deployment, the schedule or the block that is notified is not as it should be.
    """
    from flows.service.automations import apply_automations

    make_pool()
    deploy_flows(settings)
    apply_schedule(read_schedule(settings.workspace), settings.schedule_cron)
    return apply_automations(settings.notify_block)


def make_pool() -> None:
    """Make the work pool where the server has none of that name."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
    from prefect.workers.process import ProcessWorker

    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(POOL)
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            pool = WorkPoolCreate(name=POOL, type=ProcessWorker.type, base_job_template=template)
            try:
                client.create_work_pool(pool)
            except ObjectAlreadyExists:  # somebody else was quicker
                return


def deploy_flows(settings: Settings) -> None:
    """Deploy every flow of prefect.yaml."""
    command = [SCRIPTS / "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", PROJECT_ROOT / "prefect.yaml"]
    environment = {**os.environ, **settings_environment(settings), "PWD": str(PROJECT_ROOT), "PYTHONPATH": _path()}
    outcome = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    if outcome.returncode:
        raise PipelineError(
            f"the deployments of {PROJECT_ROOT / 'prefect.yaml'} could not be made: "
            f"{(outcome.stderr or outcome.stdout).strip()[-2000:]}"
        )


def _path() -> str:
    """Return where the deployed flows find this project, also where it is not installed."""
    return os.pathsep.join(filter(None, (str(Path(PROJECT_ROOT)), os.environ.get("PYTHONPATH"))))
