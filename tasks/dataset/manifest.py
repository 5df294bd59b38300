"""Task that builds the manifest of a data set: one row for each image."""

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from data.manifest import near_duplicates, table
from data.manifest.near_duplicates import find_near_duplicates
from data.system.hardware import usable_cores
from data.workspace.digests import digest_sources
from data.workspace.layout import IMAGES_FOLDER, MANIFEST_NAME, MANIFESTS_STAGE
from data.workspace.store import Produced, Workspace
from tasks.support.outcomes import finish
from tasks.support.progress import watched

KEY_MODULES = (table, near_duplicates)


@task(task_run_name="build manifest", cache_policy=NO_CACHE)
@watched
def build_manifest(images: Produced, workspace: Workspace) -> Produced:
    """Measure every image, group near-duplicates, and write the manifest."""
    logger = get_run_logger()
    inputs = {"images": images.key, "code": digest_sources(KEY_MODULES)}

    def write(out):
        manifest = table.build_manifest(images.path / IMAGES_FOLDER, workers=usable_cores())
        logger.info("manifest has %d images", len(manifest))
        group = find_near_duplicates(manifest, images.path / IMAGES_FOLDER)
        table.write_manifest(manifest.assign(group=group), out / MANIFEST_NAME)

    produced = workspace.produce(MANIFESTS_STAGE, inputs, write)
    return finish(produced, produced.cached)
