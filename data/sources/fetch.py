"""Archives from anywhere as verified local files: pins, partial files, checks and the progress of a download."""

import hashlib
import logging
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from filelock import FileLock

from data.base.errors import PipelineError
from data.sources.download import (
    ADVICE,
    DownloadError,
    DownloadSettings,
    DriveFile,
    download_file,
    drive_file_url,
    find_partial,
    list_folder,
)
from data.sources.extract import ArchiveUnreadable, check_archive, is_html
from data.sources.source import DatasetSource, DriveItem, is_archive_name, is_url, parse_drive_location
from data.workspace.digests import hash_file

logger = logging.getLogger(__name__)

Progress = Callable[[int, int | None, float | None], None]
"""Called with bytes done, bytes in total and seconds left; the latter two are None where they are not known."""

PROGRESS_SECONDS = 5.0
PROGRESS_FRACTION = 0.1


class Fetched(NamedTuple):
    """A verified archive, or a directory for a Drive folder of loose files, and whether it had to be downloaded."""

    path: Path
    transferred: bool


class _Order(NamedTuple):
    """How to fetch and what to expect, the same for every file of one source."""

    sha256: str
    settings: DownloadSettings
    progress: Progress | None


class ProgressMeter:
    """Pass on the progress of a download every 5 seconds or 10 %, with an estimate of what is left.

    Args:
        report: told of the progress; None for nobody.
        clock: returns seconds.
    """

    def __init__(self, report: Progress | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._report = report
        self._clock = clock
        self._started: tuple[float, int] | None = None
        self._told: tuple[float, int] = (0.0, 0)

    def __call__(self, bytes_done: int, bytes_total: int | None) -> None:
        """Take note of a piece that arrived."""
        now = self._clock()
        if self._started is None:
            self._started = self._told = (now, bytes_done)
        if self._report and self._is_due(now, bytes_done, bytes_total):
            self._told = (now, bytes_done)
            self._report(bytes_done, bytes_total, self._seconds_left(now, bytes_done, bytes_total))

    def _is_due(self, now: float, bytes_done: int, bytes_total: int | None) -> bool:
        told_seconds, told_bytes = self._told
        if now - told_seconds >= PROGRESS_SECONDS:
            return True
        if not bytes_total:
            return False
        return bytes_done >= bytes_total or bytes_done - told_bytes >= PROGRESS_FRACTION * bytes_total

    def _seconds_left(self, now: float, bytes_done: int, bytes_total: int | None) -> float | None:
        if self._started is None or bytes_total is None:
            return None
        if bytes_done >= bytes_total:
            return 0.0
        # What an earlier try left behind says nothing about the speed of this one.
        seconds, received = now - self._started[0], bytes_done - self._started[1]
        return (bytes_total - bytes_done) * seconds / received if received > 0 and seconds > 0 else None


def fetch_archive(
    source: DatasetSource,
    downloads: Path,
    progress: Progress | None = None,
    settings: DownloadSettings | None = None,
) -> Fetched:
    """Return a verified local copy of a source's archive, downloading it where needed.

    A local archive is checked and returned where it lies. A pinned archive that is there already costs no request;
    an unpinned one is always downloaded again. Of a Drive folder with exactly one archive in it that archive is
    returned; any other Drive folder is downloaded whole and the directory is returned, to be treated as a folder.

    Args:
        source: of kind `archive` or `drive`.
        downloads: a directory kept between runs; partial files wait in it to be continued.
        progress: told of a download every 5 seconds or 10 %.
        settings: how to download; None takes the defaults.

    Returns:
        The archive, or a directory for a Drive folder of loose files.

    Raises:
        DownloadError: the archive cannot be had or is not what was asked for; `reason` says why.
        DownloadInterrupted: the network failed after all retries; a repeat continues the partial file.
        PipelineError: the source has no archive, or the local archive is missing or damaged.
    """
    order = _Order(source.sha256, settings or DownloadSettings(), progress)
    if source.kind == "drive":
        item = parse_drive_location(source.location)
        if item is None:
            raise PipelineError(f"got {source.location!r}, expected the id or the share link of a Google Drive file")
        return _fetch_remote(item, f"drive-{item.id}", downloads, order)
    if source.kind != "archive":
        raise PipelineError(f"a source of kind {source.kind} has no archive to fetch; expected archive or drive")
    if is_url(source.location):
        return _fetch_remote(source.location, _url_name(source.location), downloads, order)
    return Fetched(_check_local(Path(source.location).expanduser(), source.sha256), transferred=False)


def _check_local(path: Path, sha256: str) -> Path:
    if not path.is_file():
        raise PipelineError(f"{path} is no file; expected a zip or tar: check the path")
    _verify(path, str(path), sha256)
    check_archive(path)
    return path


def _fetch_remote(origin: DriveItem | str, name: str, downloads: Path, order: _Order) -> Fetched:
    downloads.mkdir(parents=True, exist_ok=True)
    target = downloads / f"{name}.archive"
    with FileLock(downloads / f".{name}.lock"):
        if order.sha256 and target.is_file() and hash_file(target) == order.sha256:
            logger.info("%s has the pinned content already; nothing is downloaded", target)
            os.utime(target)  # housekeeping lets be what was used of late
            return Fetched(target, transferred=False)
        if isinstance(origin, str):
            path = _fetch_file(origin, target, order)
        elif origin.is_folder:
            path = _fetch_folder(origin.id, target, order)
        else:
            path = _fetch_file(drive_file_url(origin.id), target, order)
        return Fetched(path, transferred=True)


def _fetch_file(url: str, target: Path, order: _Order) -> Path:
    """Download an archive, verify it and move it into place."""
    incoming = target.with_name(f"{target.name}.incoming")
    partial_bytes = _count_bytes(find_partial(incoming))
    try:
        _transfer(url, incoming, order)
    except DownloadError as error:
        # A partial file that let nothing be added, or spoilt the whole, belongs to content that is no longer there.
        grew = _count_bytes(find_partial(incoming)) > partial_bytes
        if not partial_bytes or grew or error.reason not in ("truncated", "wrong_hash", "html"):
            raise
        logger.warning("the partial file of %s is of no use; it is downloaded from its start (%s)", url, error)
        for part in find_partial(incoming):
            part.unlink()
        _transfer(url, incoming, order)
    incoming.replace(target)
    if not order.sha256:
        logger.info("to download %s once only, pin it by adding #sha256=%s", url, hash_file(target))
    return target


def _transfer(url: str, incoming: Path, order: _Order) -> None:
    incoming.unlink(missing_ok=True)
    download_file(url, incoming, order.settings, ProgressMeter(order.progress))
    try:
        _verify(incoming, url, order.sha256)
        check_archive(incoming)
    except ArchiveUnreadable as error:
        incoming.unlink()
        raise DownloadError(f"{url}: what arrived is not a whole archive: {error}", "truncated") from error
    except PipelineError:
        incoming.unlink()
        raise


def _verify(path: Path, origin: str, sha256: str) -> None:
    if is_html(path):
        raise DownloadError(f"{origin}: got an HTML page instead of an archive. {ADVICE['html']}.", "html")
    found = hash_file(path) if sha256 else ""
    if found != sha256:
        raise DownloadError(
            f"{origin}: got content of SHA-256 {found}, expected {sha256}. The file was changed or damaged: compare "
            "with its publisher, then correct the pin or get the file again.",
            "wrong_hash",
        )


def _fetch_folder(folder_id: str, target: Path, order: _Order) -> Path:
    """Download the one archive of a Drive folder, or all of its files into a directory."""
    files = list_folder(folder_id, order.settings)
    archives = [file for file in files if is_archive_name(file.path)]
    if len(archives) == 1:
        return _fetch_file(drive_file_url(archives[0].id), target, order)
    if order.sha256:
        raise PipelineError(
            f"the Drive folder {folder_id} holds {len(archives)} archives, so that a sha256 pin means none of them; "
            "give the link of one file, or leave the pin out"
        )
    directory = target.with_suffix(".folder")
    incoming = directory.with_name(f"{directory.name}.incoming")
    _download_all(files, incoming, order)
    if directory.exists():
        shutil.rmtree(directory)
    incoming.replace(directory)
    return directory


def _download_all(files: tuple[DriveFile, ...], incoming: Path, order: _Order) -> None:
    """Download the files of a folder that an earlier, broken try did not."""
    repeated = [path for path, count in Counter(file.path for file in files).items() if count > 1]
    if repeated:
        raise PipelineError(f"the Drive folder holds several files named {repeated[0]}; rename all but one")
    meter = ProgressMeter(order.progress)
    bytes_done = 0
    for file in files:
        path = incoming / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            start = bytes_done
            download_file(
                drive_file_url(file.id),
                path,
                order.settings,
                lambda done, _, start=start: meter(start + done, None),
            )
        bytes_done += path.stat().st_size


def _url_name(url: str) -> str:
    """Return a file name for a URL: its own, made harmless, behind a digest that keeps two URLs apart."""
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", urlsplit(url).path.rsplit("/", 1)[-1])[-80:]
    return f"url-{digest}-{name or 'download'}"


def _count_bytes(paths: tuple[Path, ...]) -> int:
    return sum(path.stat().st_size for path in paths)
