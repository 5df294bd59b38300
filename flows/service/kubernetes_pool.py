"""Work pool whose worker starts a Kubernetes job for each training; deploy/kubernetes has the files of the cluster."""

import json
from typing import Any

from data.base.paths import PROJECT_ROOT
from flows.server.environment import RUN_ENVIRONMENT

KUBERNETES = "kubernetes"
"""Prefect's type of such a pool."""

GPU_RESOURCE = "nvidia.com/gpu"
"""Name by which a cluster with NVIDIA's device plugin hands out GPUs."""

TEMPLATE = PROJECT_ROOT / "deploy" / "kubernetes" / "base-job-template.json"


def kubernetes_template(image: str = "", gpus: bool = False) -> dict[str, Any]:
    """Return the template of a job, with the settings that every run has.

    The variable of GPUs has no default, so that Prefect leaves their line out of a job that asks for none.

    Args:
        image: of the jobs; empty: that of the file.
        gpus: whether a variant's training may ask for one.
    """
    template = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    template["job_configuration"]["env"].update(RUN_ENVIRONMENT)
    properties = template["variables"]["properties"]
    if image:
        properties["image"]["default"] = image
    if not gpus:
        del properties["gpus"]
        (container,) = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]["containers"]
        del container["resources"]["limits"][GPU_RESOURCE]
    return template


def offer_kubernetes_pool(pool: str, image: str = "", gpus: bool = False) -> None:
    """Create or update a work pool of Kubernetes jobs, and the deployment that trains there; see `kubernetes_template`.

    Raises:
        PipelineError: the pool is there and has another type.
    """
    from flows.service.deploy import offer_pool

    offer_pool(pool, KUBERNETES, kubernetes_template(image, gpus))
