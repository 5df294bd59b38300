"""Apply a person's corrections of labels to a manifest, before it is judged."""

from pathlib import Path

import pandas as pd
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from data.clean import QUARANTINE_COLUMNS
from data.errors import PipelineError
from data.manifest import read_manifest, write_manifest
from data.records import RelabelCounts
from data.relabel import apply_relabel, read_relabel
from data.workspace import Produced, Workspace, digest_sources, hash_file
from tasks.inventory import MANIFEST_NAME, MANIFESTS_STAGE
from tasks.stages import finish

COUNTS_NAME = "relabel.json"
REMOVED_NAME = "removed.parquet"


@task(task_run_name="correct labels", cache_policy=NO_CACHE)
def correct_labels(manifest: Produced, relabel: Path, workspace: Workspace) -> Produced:
    """Write the manifest with the corrections of a relabel.csv, and what was removed by them.

    Raises:
        PipelineError: the file is not there or not one, or speaks of other images than the manifest's.
    """
    if not relabel.is_file():
        raise PipelineError(f"{relabel} is not there; expected a relabel.csv: the suspects.csv of an audit, filled in")
    inputs = {
        "manifest": manifest.key,
        "relabel_sha256": hash_file(relabel),
        "code": digest_sources(["data.relabel"]),
    }

    def write(out: Path) -> None:
        corrected = apply_relabel(read_manifest(manifest.path / MANIFEST_NAME), read_relabel(relabel))
        write_manifest(corrected.manifest, out / MANIFEST_NAME)
        corrected.quarantine.to_parquet(out / REMOVED_NAME, index=False)
        (out / COUNTS_NAME).write_text(corrected.counts.model_dump_json(indent=1))

    produced = workspace.produce(MANIFESTS_STAGE, inputs, write)
    get_run_logger().info("corrected labels by %s: %s", relabel, load_relabel_counts(produced))
    return finish(produced, produced.cached)


def load_relabel_counts(manifest: Produced) -> RelabelCounts | None:
    """Return what was corrected in a manifest, or None where it stands as published."""
    path = manifest.path / COUNTS_NAME
    return RelabelCounts.model_validate_json(path.read_text()) if path.exists() else None


def load_removed(manifest: Produced) -> pd.DataFrame:
    """Return the images that corrections set aside, laid out as a quarantine."""
    path = manifest.path / REMOVED_NAME
    return pd.read_parquet(path) if path.exists() else pd.DataFrame(columns=list(QUARANTINE_COLUMNS), dtype="str")
