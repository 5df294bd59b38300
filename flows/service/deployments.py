"""The deployments that prefect.yaml names."""

import yaml

from data.base.paths import PROJECT_ROOT

DEPLOYMENTS = PROJECT_ROOT / "prefect.yaml"


def own_entrypoints() -> set[str]:
    """Return the entry points of prefect.yaml, such as flows/retrain.py:retrain."""
    return {deployment["entrypoint"] for deployment in yaml.safe_load(DEPLOYMENTS.read_text())["deployments"]}
