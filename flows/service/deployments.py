"""The deployments that prefect.yaml names."""

import yaml

from data.base.paths import PROJECT_ROOT

DEPLOYMENTS = PROJECT_ROOT / "prefect.yaml"

TRAINING_ENTRYPOINT = "flows.train_variant.train_for_another_host"
"""A module and not a file: each host of a pool has the project in a folder of its own."""


def own_entrypoints() -> set[str]:
    """Return the entry points of prefect.yaml, such as flows/retrain.py:retrain."""
    return {deployment["entrypoint"] for deployment in yaml.safe_load(DEPLOYMENTS.read_text())["deployments"]}
