"""Reports to track and registries to move champions in, on MLflow's own SQLite."""

import shutil
from pathlib import Path

from data.workspace.mark import claim_root
from models.registry.champion import ModelRegistry
from models.registry.connection import MODEL_NAME, connect
from models.registry.tags import VARIANT_TAG
from tests.support.results_factory import make_results

LINEAGE = {"datasets": "91be04c7aa35de10", "views": "c5d2e8f01b7a6394"}


def make_report(workspace: Path, key: str, network: Path | None = None, trained: int = 1) -> Path:
    """Write the directory of a finished report on so many variants, of which `compact` may have a saved network."""
    claim_root(workspace)
    variants = workspace / "variants" / key
    made = make_results(variants, trained=trained, lineage=LINEAGE, run_name=f"run {key}")
    named = tuple(one.model_copy(update={"training": f"{key}/{one.name}"}) for one in made.variants if one.directory)
    results = made.model_copy(update={"variants": (*named, *(one for one in made.variants if not one.directory))})
    if network:
        shutil.copyfile(network, variants / "compact" / "model.keras")
    report = workspace / "reports" / key
    report.mkdir(parents=True)
    (report / "results.json").write_text(results.model_dump_json())
    (report / "index.html").write_text("<p>a report</p>")
    return report


def make_registry(workspace: Path, versions: int, model: str = MODEL_NAME) -> Path:
    """Register so many versions of a model, none of them champion."""
    registry = ModelRegistry(workspace, model)
    client = connect(workspace)
    with registry._exclusive():
        registry._ensure_registered()
    for number in range(1, versions + 1):
        source = (workspace / "mlflow" / "artifacts" / str(number)).as_uri()
        client.create_model_version(model, source, tags={VARIANT_TAG: f"variant{number}"})
    return workspace


def copy_registry(template: Path, target: Path) -> Path:
    """Copy a workspace with its registry, which is faster than to make one."""
    shutil.copytree(template, target)
    return target
