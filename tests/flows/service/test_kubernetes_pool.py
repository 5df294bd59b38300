"""The pool for a Kubernetes cluster on a real server: what it takes, and what the job of a run gets."""

import asyncio

import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from data.base.errors import PipelineError
from flows.service.deploy import JOB_TEMPLATE, offer_pool
from flows.service.deployments import TRAINING_ENTRYPOINT
from flows.service.kubernetes_pool import kubernetes_template, offer_kubernetes_pool
from models.catalog.variants import find_variant
from tasks.support.pool_runs import PoolRuns
from tasks.training.elsewhere import FLOW, job_variables
from tests.support.emotion_command import run_emotion

KubernetesWorkerJobConfiguration = pytest.importorskip("prefect_kubernetes.worker").KubernetesWorkerJobConfiguration

pytestmark = pytest.mark.kubernetes

POOL, GPU_POOL, PROCESSES = "cluster", "cluster-gpu", "hosts"


@pytest.fixture(scope="module")
def client(server):
    with temporary_settings({PREFECT_API_URL: server.url, PREFECT_API_AUTH_STRING: server.login}):
        offer_kubernetes_pool(POOL, "registry.example.org/emotion:1")
        offer_kubernetes_pool(GPU_POOL, gpus=True)
        offer_pool(PROCESSES)
        with get_client(sync_client=True) as client:
            yield client


def start(client, pool, variant):
    """Start a run of a training, as a run with `--on POOL` does."""
    return PoolRuns(client, FLOW, pool, job_variables(find_variant(variant))).start(variant, {}, f"{pool} {variant}")


def test_the_deployment_names_the_module_of_the_flow(client):
    deployment = client.read_deployment_by_name(f"{FLOW}/{POOL}")
    assert (deployment.entrypoint, deployment.pull_steps) == (TRAINING_ENTRYPOINT, [])
    assert client.read_work_pool(POOL).type == "kubernetes"


@pytest.mark.parametrize(
    ("pool", "variant", "variables"),
    [
        (POOL, "light", {"memory": "3Gi"}),
        (POOL, "residual", {"memory": "4Gi"}),
        (GPU_POOL, "light", {"memory": "3Gi"}),
        (GPU_POOL, "residual", {"memory": "4Gi", "gpus": 1}),
        (PROCESSES, "residual", {}),
    ],
)
def test_a_run_names_what_its_variant_needs_and_the_pool_takes(client, pool, variant, variables):
    assert start(client, pool, variant).job_variables == variables


def test_a_worker_makes_the_job_of_such_a_run(client):
    run, pool = start(client, GPU_POOL, "residual"), client.read_work_pool(GPU_POOL)

    async def resolve():
        async with get_client() as asynchronous:
            return await KubernetesWorkerJobConfiguration.resolve_for_flow_run(
                run, client=asynchronous, work_pool=pool, worker_name="worker"
            )

    (container,) = asyncio.run(resolve()).job_manifest["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": 1}


@pytest.mark.parametrize("variables", [{"command": "sh"}, {"env": {"PYTHONPATH": "/tmp"}}, {"memory": "much"}])
def test_the_server_refuses_other_variables(client, variables):
    deployment = client.read_deployment_by_name(f"{FLOW}/{POOL}")
    with pytest.raises(PrefectHTTPStatusError):
        client.create_flow_run_from_deployment(deployment.id, job_variables=variables)


def test_a_pool_of_another_type_is_kept(client):
    with pytest.raises(PipelineError, match="has the type kubernetes, expected process"):
        offer_pool(POOL)
    with pytest.raises(PipelineError, match="has the type process, expected kubernetes"):
        offer_kubernetes_pool(PROCESSES)
    assert client.read_work_pool(PROCESSES).base_job_template == JOB_TEMPLATE


def test_a_new_image_is_given_to_the_pool(client):
    offer_kubernetes_pool(POOL, "registry.example.org/emotion:2")
    assert client.read_work_pool(POOL).base_job_template == kubernetes_template("registry.example.org/emotion:2")


def test_the_command_makes_the_pool_and_refuses_an_image_without_one(client, server, tmp_path):
    shared = {"PREFECT_API_URL": server.url, "EMOTION_PREFECT_AUTH": server.login}
    made = run_emotion(tmp_path, "deploy", "--kubernetes", "by-command", "--image", "emotion:3", "--gpus", **shared)
    assert made.returncode == 0, made.stderr
    assert client.read_work_pool("by-command").base_job_template == kubernetes_template("emotion:3", gpus=True)
    refused = run_emotion(tmp_path, "deploy", "--image", "emotion:3", **shared)
    assert refused.returncode != 0
    assert "expected --kubernetes POOL" in refused.stderr
