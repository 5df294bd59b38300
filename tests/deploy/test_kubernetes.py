"""deploy/kubernetes/: what can be checked without a cluster, by prefect-kubernetes itself and published schemas."""

import asyncio
import json
from uuid import uuid4

import pytest
import yaml
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from data.base.paths import PROJECT_ROOT
from flows.server.environment import RUN_ENVIRONMENT
from flows.service.kubernetes_pool import kubernetes_template
from models.catalog.variants import VARIANTS
from tasks.training.elsewhere import job_variables

kubernetes_validate = pytest.importorskip("kubernetes_validate")
prefect_worker = pytest.importorskip("prefect_kubernetes.worker")
KubernetesSettings = pytest.importorskip("prefect_kubernetes.settings").KubernetesSettings
KubernetesWorker, KubernetesWorkerJobConfiguration = (
    prefect_worker.KubernetesWorker,
    prefect_worker.KubernetesWorkerJobConfiguration,
)

pytestmark = pytest.mark.kubernetes

FOLDER = PROJECT_ROOT / "deploy" / "kubernetes"
OBJECTS = {
    f"{path.name} {made['kind']} {made['metadata']['name']}": made
    for path in sorted(FOLDER.glob("*.yaml"))
    for made in yaml.safe_load_all(path.read_text())
}
WORKER = OBJECTS["worker.yaml Deployment emotion-worker"]["spec"]["template"]["spec"]
VERSIONS = ("1.31", "1.37")
PASSWORD = "not-in-any-manifest"
NO_SERVER = object()
"""Instead of a client, for which Prefect would start a server: the template has no blocks that it would look up."""


def rendered(with_gpus=False, **variables):
    """Return the configuration of a flow run's job, as a worker of prefect-kubernetes makes it."""

    async def render():
        template = kubernetes_template("registry.example.org/emotion:1", with_gpus)
        return await KubernetesWorkerJobConfiguration.from_template_and_values(template, variables, client=NO_SERVER)

    configuration = asyncio.run(render())
    run = FlowRun(id=uuid4(), flow_id=uuid4(), name="light (seed 43) for brave-finch")
    settings = {PREFECT_API_URL: "https://prefect.example.org/api", PREFECT_API_AUTH_STRING: f"emotion:{PASSWORD}"}
    with temporary_settings(updates=settings):
        configuration.prepare_for_flow_run(run)
    return configuration


def pod_of(job):
    return job["spec"]["template"]["spec"]


def validate(made, version):
    """Compare an object with its published schema; a field that the schema does not have is refused too."""
    return kubernetes_validate.validate(made, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", VARIANTS)
def test_the_job_of_each_variant_fits_the_published_schema(name, version):
    job = rendered(with_gpus=True, **job_variables(VARIANTS[name])).job_manifest
    for misplaced in ("parallelism", "completions"):  # prefect-kubernetes demands them here; Kubernetes ignores them
        assert pod_of(job).pop(misplaced) == 1
    assert validate(job, version) == version


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OBJECTS)
def test_each_object_fits_the_published_schema(name, version):
    assert validate(OBJECTS[name], version) == version


def test_a_field_that_kubernetes_does_not_know_is_found():
    wrong = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}, "automountToken": False}
    with pytest.raises(kubernetes_validate.ValidationError, match="automountToken"):
        validate(wrong, VERSIONS[0])


def test_memory_is_that_of_the_variant_and_only_large_networks_ask_for_a_gpu():
    jobs = [rendered(with_gpus=True, **job_variables(VARIANTS[name])).job_manifest for name in ("light", "vgg16_tuned")]
    light, tuned = (pod_of(job)["containers"][0] for job in jobs)
    assert light["resources"] == {
        "requests": {"cpu": "2", "memory": "3Gi"},
        "limits": {"cpu": "2", "memory": "3Gi"},
    }
    assert tuned["resources"]["limits"] == {"cpu": "2", "memory": "8Gi", "nvidia.com/gpu": 1}


def test_a_pool_without_gpus_has_no_variable_for_them():
    properties = kubernetes_template()["variables"]["properties"]
    assert set(properties) == {"image", "namespace", "store_secret", "service_account", "cpu", "memory"}
    assert kubernetes_template()["variables"]["additionalProperties"] is False
    assert "gpu" not in json.dumps(kubernetes_template())
    assert "gpus" in kubernetes_template(gpus=True)["variables"]["properties"]


def test_the_job_is_not_root_has_no_token_and_gets_the_store_from_the_secret():
    job = rendered().job_manifest
    pod = pod_of(job)
    (container,) = pod["containers"]
    assert (job["metadata"]["namespace"], container["image"]) == ("emotion", "registry.example.org/emotion:1")
    assert container["args"] == ["prefect", "flow-run", "execute"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["envFrom"] == [{"secretRef": {"name": "emotion-store"}}]
    said = {entry["name"]: entry["value"] for entry in container["env"]}
    (volume,), (mounted,) = pod["volumes"], container["volumeMounts"]
    assert said.items() >= RUN_ENVIRONMENT.items()
    assert said["EMOTION_WORKSPACE"] == mounted["mountPath"]
    assert (volume["name"], list(volume)[1]) == (mounted["name"], "emptyDir")


@pytest.fixture
def worker_settings(monkeypatch):
    """The settings of the worker in worker.yaml."""
    (container,) = WORKER["containers"]
    for entry in container["env"]:
        monkeypatch.setenv(entry["name"], entry["value"])
    return KubernetesSettings()


def test_the_worker_watches_its_namespace_alone(worker_settings):
    assert worker_settings.observer.namespaces == {"emotion"}
    assert worker_settings.worker.create_secret_for_api_key is worker_settings.worker.store_env_as_secret is False


def test_the_password_is_in_no_manifest(worker_settings, monkeypatch):
    """The job as the worker sends it to the cluster: it names the secret instead of the password."""
    sent = []

    class Batch:
        def __init__(self, _client):
            pass

        async def create_namespaced_job(self, namespace, manifest):
            sent.append((namespace, manifest))

    monkeypatch.setattr(prefect_worker, "BatchV1Api", Batch)
    configuration = rendered()
    assert PASSWORD in json.dumps(configuration.job_manifest), "Prefect's own default"
    asyncio.run(KubernetesWorker(work_pool_name="cluster")._create_job(configuration, None))
    ((namespace, manifest),) = sent
    assert namespace == "emotion"
    assert PASSWORD not in json.dumps(manifest)
    (container,) = pod_of(manifest)["containers"]
    secret = {"secretKeyRef": {"name": "emotion-prefect", "key": "PREFECT_API_AUTH_STRING"}}
    assert {"name": "PREFECT_API_AUTH_STRING", "valueFrom": secret} in container["env"]


def test_the_worker_has_no_more_rights_than_it_uses():
    (jobs, pods, logs) = OBJECTS["worker.yaml Role emotion-worker"]["rules"]
    assert jobs == {
        "apiGroups": ["batch"],
        "resources": ["jobs"],
        "verbs": ["create", "delete", "get", "list", "watch"],
    }
    assert pods == {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}
    assert logs == {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}
    binding = OBJECTS["worker.yaml RoleBinding emotion-worker"]
    assert [subject["name"] for subject in binding["subjects"]] == ["emotion-worker"]


def test_names_of_secrets_accounts_and_namespace_agree():
    properties = kubernetes_template()["variables"]["properties"]
    namespaces = {made["metadata"]["namespace"] for made in OBJECTS.values()}
    assert namespaces == {properties["namespace"]["default"]}
    assert f"store-secret.example.yaml Secret {properties['store_secret']['default']}" in OBJECTS
    account = OBJECTS[f"worker.yaml ServiceAccount {properties['service_account']['default']}"]
    assert account["automountServiceAccountToken"] is False
    (container,) = WORKER["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "emotion-prefect"}}], "the worker needs no store"
    assert "PREFECT_API_AUTH_STRING" in OBJECTS["store-secret.example.yaml Secret emotion-prefect"]["stringData"]


def test_the_user_of_the_image_is_that_of_the_pods():
    uid = pod_of(rendered().job_manifest)["securityContext"]["runAsUser"]
    assert uid == WORKER["securityContext"]["runAsUser"]
    assert f"useradd --create-home --uid {uid} emotion" in (PROJECT_ROOT / "deploy" / "Dockerfile").read_text()
