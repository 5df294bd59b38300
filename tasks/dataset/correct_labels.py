"""Task that applies a person's corrections of labels to a manifest, before it is judged."""

import json
import shutil
from pathlib import Path

import pandas as pd
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from data.base.errors import PipelineError
from data.base.named_formats import FormatChoice
from data.manifest.found_format import find_format
from data.manifest.table import read_manifest, write_manifest
from data.quality import label_corrections
from data.quality.cleaning import QUARANTINE_COLUMNS
from data.quality.label_corrections import apply_relabel, empty_answers, read_answers, read_relabel
from data.records.dataset import RelabelCounts
from data.workspace.digests import digest_sources, hash_file
from data.workspace.layout import CARVED_NAME, CROWD_NAME, MANIFEST_NAME, MANIFESTS_STAGE, VOTES_MATCH_NAME
from data.workspace.store import Produced, Workspace
from expectations.counts import Counts, count_images
from tasks.support.outcomes import finish
from tasks.support.progress import watched

KEY_MODULES = (label_corrections, __name__)

COUNTS_NAME = "relabel.json"
ANSWERS_NAME = "answers.parquet"
PUBLISHED_COUNTS_NAME = "published_counts.json"
REMOVED_NAME = "removed.parquet"

KEPT_FILES = (CARVED_NAME, VOTES_MATCH_NAME, CROWD_NAME)
"""Files beside a manifest that stay true when its labels are corrected."""


@task(task_run_name="correct labels", cache_policy=NO_CACHE)
@watched
def correct_labels(
    manifest: Produced, relabel: Path, workspace: Workspace, choice: FormatChoice = FormatChoice()
) -> Produced:
    """Write the manifest with the corrections of a relabel.csv, and what was removed by them.

    Raises:
        PipelineError: the file is missing or not readable, or names images that the manifest does not have.
    """
    if not relabel.is_file():
        raise PipelineError(f"{relabel} is not there; expected a relabel.csv: the suspects.csv of an audit, filled in")
    inputs = {
        "manifest": manifest.key,
        "relabel_sha256": hash_file(relabel),
        "format": choice.model_dump(mode="json"),
        "code": digest_sources(KEY_MODULES),
    }

    def write(out: Path) -> None:
        published = read_manifest(manifest.path / MANIFEST_NAME)
        labels = find_format(published, choice).labels
        corrected = apply_relabel(published, read_relabel(relabel, labels), labels, relabel)
        write_manifest(corrected.manifest, out / MANIFEST_NAME)
        read_answers(relabel, labels).to_parquet(out / ANSWERS_NAME, index=False)
        corrected.quarantine.to_parquet(out / REMOVED_NAME, index=False)
        for name in KEPT_FILES:
            if (manifest.path / name).exists():
                shutil.copyfile(manifest.path / name, out / name)
        (out / COUNTS_NAME).write_text(corrected.counts.model_dump_json(indent=1), encoding="utf-8")
        (out / PUBLISHED_COUNTS_NAME).write_text(json.dumps(count_images(published, "split")), encoding="utf-8")

    produced = workspace.produce(MANIFESTS_STAGE, inputs, write)
    get_run_logger().info("corrected labels by %s: %s", relabel, load_relabel_counts(produced))
    return finish(produced, produced.cached)


def load_relabel_counts(manifest: Produced) -> RelabelCounts | None:
    """Return the counts of a manifest's corrected labels, or None if nothing was corrected."""
    path = manifest.path / COUNTS_NAME
    return RelabelCounts.model_validate_json(path.read_bytes()) if path.exists() else None


def load_answers(stage: Produced) -> pd.DataFrame:
    """Return the answered rows of the relabel.csv behind a manifest or a judged data set; no rows if there was none."""
    path = stage.path / ANSWERS_NAME
    return pd.read_parquet(path) if path.exists() else empty_answers()


def load_published_counts(manifest: Produced) -> Counts | None:
    """Return split -> class -> files as they were before corrections, or None if there were none."""
    path = manifest.path / PUBLISHED_COUNTS_NAME
    return json.loads(path.read_text()) if path.exists() else None


def load_removed(manifest: Produced) -> pd.DataFrame:
    """Return the images that corrections set aside, laid out as a quarantine."""
    path = manifest.path / REMOVED_NAME
    return pd.read_parquet(path) if path.exists() else pd.DataFrame(columns=list(QUARANTINE_COLUMNS), dtype="str")
