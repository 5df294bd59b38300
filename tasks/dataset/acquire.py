"""Tasks that put the images of any source into the workspace."""

from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from data.base.names import ClassNames
from data.records.dataset import FolderNames
from data.sample import generate
from data.sample.generate import SampleConfig, generate_sample
from data.sources import extract
from data.sources.download_settings import DownloadSettings
from data.sources.extract import copy_folder, extract_archive, list_copied, list_sizes
from data.sources.fetch import FETCHERS, FetchedArchive, fetch_archive, name_downloads
from data.sources.folder_names import describe_names
from data.sources.limits import ExtractLimits
from data.sources.source import DatasetSource
from data.sources.tables.find import table_of_file
from data.sources.tables.write import estimate_sizes, list_read, write_table
from data.workspace.digests import digest_sources, hash_file, hash_json
from data.workspace.disk_space import count_file_bytes
from data.workspace.layout import DOWNLOADS_FOLDER, FOLDER_NAMES_NAME, IMAGES_FOLDER, IMAGES_STAGE
from data.workspace.ownership import finish_owned, start_owned
from data.workspace.store import Produced, Workspace
from tasks.support.outcomes import finish, record_of
from tasks.support.progress import watched

SAMPLE_KEY_MODULES = (generate,)
ARCHIVE_KEY_MODULES = (extract,)


def acquire_images(
    source: DatasetSource,
    classes: ClassNames,
    workspace: Workspace,
    settings: DownloadSettings,
    limits: ExtractLimits,
) -> Produced:
    """Put the images of any source into the workspace."""
    if source.is_generated:
        return generate_images(SampleConfig(), workspace)
    path = Path(source.location)
    if source.kind == "table":
        return read_images(path, classes, workspace, limits)
    if source.kind in FETCHERS:
        path = record_of(download_archive(source, workspace, settings)).path
    # A folder, or a Drive folder that holds the images themselves; an archive otherwise.
    acquire = unpack_images if path.is_file() else copy_images
    return acquire(path, classes, workspace, limits)


@task(task_run_name="generate sample images", cache_policy=NO_CACHE)
@watched
def generate_images(config: SampleConfig, workspace: Workspace) -> Produced:
    """Generate the sample data set."""
    inputs = {"sample": config.model_dump(mode="json"), "code": digest_sources(SAMPLE_KEY_MODULES)}
    images = workspace.produce(IMAGES_STAGE, inputs, lambda out: generate_sample(out / IMAGES_FOLDER, config))
    get_run_logger().info("generated sample images in %s", images.path)
    return finish(images, images.cached)


@task(task_run_name="download from {source.kind}", cache_policy=NO_CACHE)
@watched
def download_archive(source: DatasetSource, workspace: Workspace, settings: DownloadSettings) -> FetchedArchive:
    """Download and verify the source's archive; a local archive is verified in its own place.

    The task run shows as Cached if nothing was downloaded.
    """
    logger = get_run_logger()
    if source.is_remote:
        workspace.require_space(0, "a download")  # only the server knows its size

    def report(done: int, total: int | None, eta_seconds: float | None) -> None:
        share = f" of {total / 1e6:.1f} MB" if total else " MB"
        eta = f", {eta_seconds:.0f} s left" if eta_seconds is not None else ""
        logger.info("downloaded %.1f%s%s", done / 1e6, share, eta)

    downloads = workspace.root / DOWNLOADS_FOLDER
    for name in name_downloads(source):
        start_owned(workspace.root, downloads / name)
    fetched = fetch_archive(source, downloads, progress=report, settings=settings)
    if source.is_remote:
        finish_owned(workspace.root, fetched.path)
    logger.info("data set archive: %s", fetched.path)
    return finish(fetched, not fetched.transferred)


@task(task_run_name="unpack images", cache_policy=NO_CACHE)
@watched
def unpack_images(archive: Path, classes: ClassNames, workspace: Workspace, limits: ExtractLimits) -> Produced:
    """Extract an archive's images; refuse an archive with content that it should not have.

    The limits are not part of the key: they decide what is refused, not what is written.
    """
    inputs = {"archive_sha256": hash_file(archive), "classes": classes, "code": digest_sources(ARCHIVE_KEY_MODULES)}
    images = workspace.produce(
        IMAGES_STAGE,
        inputs,
        lambda out: _keep_names(extract_archive(archive, out / IMAGES_FOLDER, limits, classes), out),
        need=lambda: count_file_bytes(list_sizes(archive, limits, classes)),
    )
    get_run_logger().info("images of %s are in %s", archive.name, images.path)
    _log_names(images)
    return finish(images, images.cached)


@task(task_run_name="copy images", cache_policy=NO_CACHE)
@watched
def copy_images(folder: Path, classes: ClassNames, workspace: Workspace, limits: ExtractLimits) -> Produced:
    """Copy a folder's images, so that a later change of the folder cannot change a finished run."""
    copied = list_copied(folder, limits, classes)
    files = {name: hash_file(path) for name, path in copied.items()}
    inputs = {"files": hash_json(files), "classes": classes, "code": digest_sources(ARCHIVE_KEY_MODULES)}
    images = workspace.produce(
        IMAGES_STAGE,
        inputs,
        lambda out: _keep_names(copy_folder(folder, out / IMAGES_FOLDER, limits, classes), out),
        need=lambda: count_file_bytes(estimate_sizes(copied.values())),
    )
    get_run_logger().info("images of %s are in %s", folder, images.path)
    _log_names(images)
    return finish(images, images.cached)


@task(task_run_name="read images of a table", cache_policy=NO_CACHE)
@watched
def read_images(path: Path, classes: ClassNames, workspace: Workspace, limits: ExtractLimits) -> Produced:
    """Read the images of a CSV or Parquet file, or those beside a CSV that lists them."""
    table = table_of_file(path)
    read = list_read(table, limits)
    files = {file.relative_to(table.root).as_posix(): hash_file(file) for file in read}
    inputs = {"files": hash_json(files), "classes": classes, "code": digest_sources(ARCHIVE_KEY_MODULES)}
    images = workspace.produce(
        IMAGES_STAGE,
        inputs,
        lambda out: _keep_names(write_table(table, out / IMAGES_FOLDER, limits, classes), out),
        need=lambda: count_file_bytes(estimate_sizes(read)),
    )
    get_run_logger().info("images of %s are in %s", path, images.path)
    _log_names(images)
    return finish(images, images.cached)


def load_folder_names(images: Produced) -> FolderNames:
    """Load how the folders of a source were read; a generated data set has no others than its own."""
    path = images.path / FOLDER_NAMES_NAME
    return FolderNames.model_validate_json(path.read_bytes()) if path.is_file() else FolderNames()


def _keep_names(names: FolderNames, out: Path) -> None:
    (out / FOLDER_NAMES_NAME).write_text(names.model_dump_json(indent=1), encoding="utf-8")


def _log_names(images: Produced) -> None:
    for line in describe_names(load_folder_names(images)):
        get_run_logger().info(line)
