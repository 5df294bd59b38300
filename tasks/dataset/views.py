"""Task that writes the TFRecords of a clean manifest."""

from functools import partial
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from data.records.events import ExamplesWritten
from data.views.augment import ViewsConfig
from data.views.write import ViewsSpec, write_views
from data.workspace.digests import digest_sources
from data.workspace.disk_space import count_view_bytes
from data.workspace.layout import IMAGES_FOLDER, MANIFEST_NAME, VIEWS_STAGE
from data.workspace.store import Produced, Workspace
from models.jobs.events import ChildEvent
from tasks.dataset.validate import load_summary
from tasks.support.child_processes import run_alone
from tasks.support.outcomes import finish
from tasks.support.progress import watched
from tasks.support.shard_maps import shard_map

WRITE_COMMAND = "data.views.write"
KEY_MODULES = (WRITE_COMMAND,)


@task(task_run_name="build {config.title}", cache_policy=NO_CACHE)
@watched
def build_views(
    dataset: Produced, images: Produced, config: ViewsConfig, seed: int, workspace: Workspace, dask: str = ""
) -> Produced:
    """Write the TFRecords of every part, the train part as whole augmented views.

    Args:
        dataset: judged and accepted.
        images: of the source.
        config: of the views.
        seed: of the views and of the written order.
        workspace: of the run.
        dask: address of Dask's scheduler, whose workers make the records then; it is not part of the key.
    """
    manifest, data_format = dataset.path / MANIFEST_NAME, load_summary(dataset).data_format
    inputs = {
        "dataset": dataset.key,
        "images": images.key,
        "augment": config.augment.model_dump(mode="json"),
        "views": config.views,
        "seed": seed,
        "code": digest_sources(KEY_MODULES),
    }

    def write(out: Path) -> None:
        spec = ViewsSpec(
            manifest=manifest,
            images=images.path / IMAGES_FOLDER,
            out=out,
            data_format=data_format,
            augment=config.augment,
            seed=seed,
            views=config.views,
        )
        if dask:
            with shard_map(dask) as map_shards:
                write_views(spec, _log_progress, map_shards)
        else:
            _write_in_child(spec)

    need = partial(count_view_bytes, manifest, config.views, data_format)
    produced = workspace.produce(VIEWS_STAGE, inputs, write, verify=True, need=need)
    return finish(produced, produced.cached)


def _write_in_child(spec: ViewsSpec) -> None:
    """Write the views by a child command, with its progress in the run's log."""

    def log_event(event: ChildEvent) -> None:
        if isinstance(event, ExamplesWritten):
            _log_progress(event.done, event.total)

    run_alone(WRITE_COMMAND, spec, spec.out, log_event)


def _log_progress(done: int, total: int) -> None:
    get_run_logger().info("wrote %s of %s examples", done, total)
