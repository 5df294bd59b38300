"""Task that builds the manifest of a data set: one row for each image."""

import json
from contextlib import nullcontext
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from data.manifest import face_columns, near_duplicates, table
from data.manifest.face_columns import FACES_NAME, add_face_columns
from data.manifest.near_duplicates import find_near_duplicates
from data.quality import partition
from data.quality.partition import carve_splits
from data.records.dataset import CarvedSplit
from data.workspace.digests import digest_sources
from data.workspace.layout import CARVED_NAME, IMAGES_FOLDER, MANIFEST_NAME, MANIFESTS_STAGE
from data.workspace.store import Produced, Workspace
from tasks.support.outcomes import finish
from tasks.support.progress import watched
from tasks.support.shard_maps import shard_map

KEY_MODULES = (table, near_duplicates, partition)
FACE_KEY_MODULES = (face_columns,)
"""Only of images that were cropped from photos."""


@task(task_run_name="build manifest", cache_policy=NO_CACHE)
@watched
def build_manifest(
    images: Produced, workspace: Workspace, carved: tuple[str, ...] = (), seed: int = 0, dask: str = ""
) -> Produced:
    """Measure every image, group near-duplicates, take missing splits from train, and write the manifest.

    Args:
        images: of the source.
        workspace: of the run.
        carved: splits to take from train.
        seed: of that draw.
        dask: address of Dask's scheduler, whose workers measure then; it is not part of the key.
    """
    logger = get_run_logger()
    inputs: dict[str, Any] = {"images": images.key, "code": digest_sources(KEY_MODULES)}
    if (images.path / FACES_NAME).is_file():
        inputs["faces"] = digest_sources(FACE_KEY_MODULES)
    if carved:
        inputs["carved"] = {"splits": carved, "seed": seed}

    def write(out):
        with shard_map() as here, shard_map(dask) if dask else nullcontext(here) as anywhere:
            manifest = table.build_manifest(images.path / IMAGES_FOLDER, anywhere)
            manifest = add_face_columns(manifest, images.path / FACES_NAME)
            logger.info("manifest has %d images", len(manifest))
            # What is compared lies in temporary files of this host.
            group = find_near_duplicates(manifest, images.path / IMAGES_FOLDER, map_shards=here)
        manifest, taken = carve_splits(manifest.assign(group=group), carved, seed)
        table.write_manifest(manifest, out / MANIFEST_NAME)
        if taken:
            (out / CARVED_NAME).write_text(json.dumps([split.model_dump() for split in taken]), encoding="utf-8")

    produced = workspace.produce(MANIFESTS_STAGE, inputs, write)
    for split in load_carved(produced):
        logger.info("%s was taken from train: %d images, %.0f %%", split.name, split.images, 100 * split.share)
    return finish(produced, produced.cached)


def load_carved(manifest: Produced) -> tuple[CarvedSplit, ...]:
    """Return the splits that were taken from train."""
    path = manifest.path / CARVED_NAME
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return tuple(CarvedSplit.model_validate(split) for split in stored)
