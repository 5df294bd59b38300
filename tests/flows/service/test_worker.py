"""What the worker starts: flows of prefect.yaml from this project's folder, as the work pool says, and nothing else."""

from types import SimpleNamespace

import pytest
from prefect.workers.process import ProcessJobConfiguration

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from flows.server.environment import RUN_ENVIRONMENT
from flows.service.worker import PULL_STEP, OwnJob, require_own_flow, require_own_process

ENTRYPOINT = "flows/ingest.py:ingest"
OWN_FOLDER = {PULL_STEP: {"directory": str(PROJECT_ROOT)}}
SHELL = {"prefect.deployments.steps.run_shell_script": {"script": "touch /tmp/ran"}}


def deployment(entrypoint=ENTRYPOINT, steps=(OWN_FOLDER,)):
    return SimpleNamespace(entrypoint=entrypoint, pull_steps=list(steps))


def test_our_own_deployment_is_started():
    require_own_flow(deployment())
    require_own_process(ProcessJobConfiguration(env=RUN_ENVIRONMENT))
    require_own_process(ProcessJobConfiguration())


@pytest.mark.parametrize(
    "foreign",
    [
        None,
        deployment(entrypoint="flows/ingest.py:other"),
        deployment(entrypoint="/tmp/flows/ingest.py:ingest"),
        deployment(entrypoint="os.system"),
        deployment(entrypoint=None),
        deployment(steps=[]),
        SimpleNamespace(entrypoint=ENTRYPOINT, pull_steps=None),
        deployment(steps=[SHELL]),
        deployment(steps=[OWN_FOLDER, SHELL]),
        deployment(steps=[{**OWN_FOLDER, **SHELL}]),
        deployment(steps=[{PULL_STEP: {"directory": "/tmp"}}]),
        deployment(steps=[{PULL_STEP: {"directory": "{{ $PWD }}"}}]),
        deployment(steps=[{PULL_STEP: {"directory": str(PROJECT_ROOT), "requires": "anything"}}]),
        deployment(steps=[{PULL_STEP: {}}]),
    ],
)
def test_a_foreign_deployment_is_refused(foreign):
    with pytest.raises(PipelineError, match="runs only the deployments of"):
        require_own_flow(foreign)


@pytest.mark.parametrize(
    "job",
    [
        {"command": "touch /tmp/ran"},
        {"working_dir": PROJECT_ROOT},
        {"env": {"PYTHONPATH": "/tmp"}},
        {"env": {**RUN_ENVIRONMENT, "DO_NOT_TRACK": "0"}},
    ],
)
def test_another_process_is_refused(job):
    with pytest.raises(PipelineError, match="which this worker does not set"):
        require_own_process(ProcessJobConfiguration(**job))


def test_the_job_is_checked_before_anything_of_it_is_used():
    with pytest.raises(PipelineError, match="runs only the deployments of"):
        OwnJob(env=RUN_ENVIRONMENT).prepare_for_flow_run(SimpleNamespace(), deployment(steps=[SHELL]))
