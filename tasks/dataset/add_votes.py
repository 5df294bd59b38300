"""Task that adds the votes of people to a manifest, before labels are corrected and the data set is judged."""

import shutil
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from data.base.errors import PipelineError
from data.base.named_formats import FormatChoice
from data.manifest.found_format import find_format
from data.manifest.table import read_manifest, write_manifest
from data.records.votes import Crowd, VotesMatch
from data.votes import agreement, matching
from data.votes.agreement import describe_crowd
from data.votes.reading import read_votes_file
from data.workspace.digests import digest_sources, hash_file
from data.workspace.layout import CARVED_NAME, CROWD_NAME, MANIFEST_NAME, MANIFESTS_STAGE, VOTES_MATCH_NAME
from data.workspace.store import Produced, Workspace
from tasks.support.outcomes import finish
from tasks.support.progress import watched

KEY_MODULES = (matching, agreement, __name__)


@task(task_run_name="add votes", cache_policy=NO_CACHE)
@watched
def add_votes(manifest: Produced, votes: Path, workspace: Workspace, choice: FormatChoice = FormatChoice()) -> Produced:
    """Write the manifest with the votes of a file, how they were matched, and what they say of the labels.

    Raises:
        PipelineError: the file is missing or not readable, or is about no image of the manifest.
    """
    if not votes.is_file():
        raise PipelineError(f"{votes} is not there; expected a CSV or Parquet with the votes for each image")
    inputs = {
        "manifest": manifest.key,
        "votes_sha256": hash_file(votes),
        "format": choice.model_dump(mode="json"),
        "code": digest_sources(KEY_MODULES),
    }

    def write(out: Path) -> None:
        published = read_manifest(manifest.path / MANIFEST_NAME)
        labels = find_format(published, choice).labels
        voted, match = matching.add_votes(published, read_votes_file(votes, labels), labels)
        write_manifest(voted, out / MANIFEST_NAME)
        if (manifest.path / CARVED_NAME).exists():
            shutil.copyfile(manifest.path / CARVED_NAME, out / CARVED_NAME)
        (out / VOTES_MATCH_NAME).write_text(match.model_dump_json(indent=1), encoding="utf-8")
        (out / CROWD_NAME).write_text(describe_crowd(voted, labels).model_dump_json(indent=1), encoding="utf-8")

    produced = workspace.produce(MANIFESTS_STAGE, inputs, write)
    get_run_logger().info("added votes of %s: %s", votes, load_votes_match(produced))
    return finish(produced, produced.cached)


def load_votes_match(manifest: Produced) -> VotesMatch | None:
    """Return how the votes of a manifest were matched to its images, or None if it has none."""
    path = manifest.path / VOTES_MATCH_NAME
    return VotesMatch.model_validate_json(path.read_bytes()) if path.exists() else None


def load_crowd(manifest: Produced) -> Crowd | None:
    """Return what the votes of a manifest say of its labels as published, or None if it has none."""
    path = manifest.path / CROWD_NAME
    return Crowd.model_validate_json(path.read_bytes()) if path.exists() else None
