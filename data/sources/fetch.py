"""Fetching of archives as verified local files: pins, partial files, checks and download progress."""

import hashlib
import logging
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from filelock import FileLock

from data.base.errors import PipelineError
from data.sources.addresses import public_only
from data.sources.archives.entries import ArchiveUnreadable, is_html
from data.sources.download import download_file, drive_file_url, find_partial
from data.sources.download_failures import ADVICE, DownloadError
from data.sources.download_settings import DownloadSettings
from data.sources.drive.continuing import forget_listing, keep_archive_if_unchanged, keep_unchanged
from data.sources.drive.listing import DriveFile, list_folder
from data.sources.drive.selection import choose_images, refuse_parts
from data.sources.extract import check_archive
from data.sources.secrets import mask_secrets
from data.sources.source import (
    DatasetSource,
    DriveItem,
    Kind,
    is_archive_name,
    is_url,
    parse_drive_location,
)
from data.sources.transfer_limits import TransferLimits
from data.workspace.digests import hash_file

logger = logging.getLogger(__name__)

Progress = Callable[[int, int | None, float | None], None]
"""Called with bytes done, bytes in total and seconds left; the latter two are None if they are not known."""

PROGRESS_SECONDS = 5.0
PROGRESS_FRACTION = 0.1


class FetchedArchive(NamedTuple):
    """A verified archive, or the directory of a Drive folder of single images."""

    path: Path
    transferred: bool
    """Whether this run downloaded it."""


class _DownloadRequest(NamedTuple):
    """Settings and expected content, the same for every file of one source."""

    downloads: Path
    sha256: str
    settings: DownloadSettings
    progress: Progress | None
    limits: TransferLimits


class ProgressMeter:
    """Report the progress of a download every 5 seconds or 10 %, with an estimate of the time left.

    Args:
        report: called with the progress; None reports nothing.
        clock: returns seconds.
    """

    def __init__(self, report: Progress | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._report = report
        self._clock = clock
        self._started: tuple[float, int] | None = None
        self._reported: tuple[float, int] = (0.0, 0)

    def __call__(self, bytes_done: int, bytes_total: int | None) -> None:
        """Record that a piece arrived."""
        now = self._clock()
        if self._started is None:
            self._started = self._reported = (now, bytes_done)
        if self._report and self._is_due(now, bytes_done, bytes_total):
            self._reported = (now, bytes_done)
            self._report(bytes_done, bytes_total, self._seconds_left(now, bytes_done, bytes_total))

    def _is_due(self, now: float, bytes_done: int, bytes_total: int | None) -> bool:
        reported_seconds, reported_bytes = self._reported
        if now - reported_seconds >= PROGRESS_SECONDS:
            return True
        if not bytes_total:
            return False
        return bytes_done >= bytes_total or bytes_done - reported_bytes >= PROGRESS_FRACTION * bytes_total

    def _seconds_left(self, now: float, bytes_done: int, bytes_total: int | None) -> float | None:
        if self._started is None or bytes_total is None:
            return None
        if bytes_done >= bytes_total:
            return 0.0
        # Bytes from an earlier attempt say nothing about the speed of this one.
        seconds, received = now - self._started[0], bytes_done - self._started[1]
        return (bytes_total - bytes_done) * seconds / received if received > 0 and seconds > 0 else None


def fetch_archive(
    source: DatasetSource,
    downloads: Path,
    progress: Progress | None = None,
    settings: DownloadSettings | None = None,
) -> FetchedArchive:
    """Get a verified local copy of a source's archive, downloading it if needed.

    A local archive is checked and returned where it is. A pinned archive that was downloaded before costs no request;
    an unpinned one is always downloaded again. If a Drive folder has exactly one archive in it, that archive is
    returned; any other Drive folder is downloaded whole and its directory is returned, to be treated as a folder.

    Args:
        source: of a kind in `FETCHERS`.
        downloads: a directory kept between runs, with the partial files from which a download resumes.
        progress: called every 5 seconds or 10 % of a download.
        settings: how to download; None takes the defaults.

    Returns:
        The archive, or the directory of a Drive folder of single images.

    Raises:
        DownloadError: the archive is not available or is not the expected one; `reason` says why.
        DownloadInterrupted: the network failed after all retries; a repeat resumes the partial file.
        PipelineError: the source has no archive, or the local archive is missing or damaged.
    """
    if source.kind not in FETCHERS:
        raise PipelineError(
            f"a source of kind {source.kind} has no archive to fetch; expected one of {', '.join(FETCHERS)}"
        )
    settings = settings or DownloadSettings()
    request = _DownloadRequest(downloads, source.sha256, settings, progress, settings.limits(downloads))
    return FETCHERS[source.kind](source.full_location, request)


def name_downloads(source: DatasetSource) -> tuple[str, ...]:
    """Return the names that a source's archive, or its directory, may get among the downloads; none if it is local."""
    if source.kind == "archive" and is_url(source.location):
        name = _url_name(source.full_location)
    elif source.kind == "drive" and (item := parse_drive_location(source.location)):
        name = _drive_name(item)
    else:
        return ()
    return f"{name}.archive", f"{name}.folder"


def _fetch_path_or_url(location: str, request: _DownloadRequest) -> FetchedArchive:
    if is_url(location):
        return _fetch_remote(location, _url_name(location), request)
    return FetchedArchive(_check_local(Path(location).expanduser(), request), transferred=False)


def _fetch_from_drive(location: str, request: _DownloadRequest) -> FetchedArchive:
    item = parse_drive_location(location)
    if item is None:
        raise PipelineError(f"got {location!r}, expected the id or the share link of a Google Drive file")
    return _fetch_remote(item, _drive_name(item), request)


FETCHERS: dict[Kind, Callable[[str, _DownloadRequest], FetchedArchive]] = {
    "archive": _fetch_path_or_url,
    "drive": _fetch_from_drive,
}
"""Function that fetches the archive, by kind of source. Kinds that are not listed have no archive: the images of a
folder are copied, those of a table are read from it, and those of the sample are generated."""


def _check_local(path: Path, request: _DownloadRequest) -> Path:
    if not path.is_file():
        raise PipelineError(f"{path} is not a file; expected a zip or tar: check the path")
    _verify(path, str(path), request.sha256)
    check_archive(path, request.settings.max_files)
    return path


def _fetch_remote(origin: DriveItem | str, name: str, request: _DownloadRequest) -> FetchedArchive:
    request.downloads.mkdir(parents=True, exist_ok=True)
    target = request.downloads / f"{name}.archive"
    with FileLock(request.downloads / f".{name}.lock"):
        if request.sha256 and target.is_file() and hash_file(target) == request.sha256:
            logger.info("%s has the pinned content already; nothing is downloaded", target)
            os.utime(target)  # prune keeps recently used downloads
            return FetchedArchive(target, transferred=False)
        url = origin if isinstance(origin, str) else drive_file_url(origin.id, origin.resource_key)
        with public_only(url, request.settings.proxy.get_secret_value()):
            if isinstance(origin, DriveItem) and origin.is_folder:
                path = _fetch_folder(origin, target, request)
            else:
                path = _fetch_file(url, target, request)
        return FetchedArchive(path, transferred=True)


def _fetch_file(url: str, target: Path, request: _DownloadRequest) -> Path:
    """Download an archive, verify it and move it into place."""
    incoming = _incoming(target)
    partial_bytes = _count_bytes(find_partial(incoming))
    try:
        _transfer(url, incoming, request)
    except DownloadError as error:
        # A partial file that did not grow, or that makes the whole file wrong, belongs to content that was replaced.
        grew = _count_bytes(find_partial(incoming)) > partial_bytes
        if not partial_bytes or grew or error.reason not in ("truncated", "wrong_hash", "html"):
            raise
        shown = mask_secrets(url)
        logger.warning("the partial file of %s cannot be used; the download starts again (%s)", shown, error)
        for part in find_partial(incoming):
            part.unlink()
        _transfer(url, incoming, request)
    incoming.replace(target)
    if not request.sha256:
        logger.info("to download %s only once, pin it: add #sha256=%s", mask_secrets(url), hash_file(target))
    return target


def _transfer(url: str, incoming: Path, request: _DownloadRequest) -> None:
    incoming.unlink(missing_ok=True)
    download_file(url, incoming, request.settings, ProgressMeter(request.progress), request.limits)
    try:
        _verify(incoming, url, request.sha256)
        check_archive(incoming, request.settings.max_files)
    except ArchiveUnreadable as error:
        incoming.unlink()
        raise DownloadError(f"{url}: what arrived is not a complete archive: {error}", "truncated") from error
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


def _fetch_folder(folder: DriveItem, target: Path, request: _DownloadRequest) -> Path:
    """Download the one archive of a Drive folder, or all of its files into a directory."""
    files = list_folder(folder, request.settings, request.limits)
    archives = [file for file in files if is_archive_name(file.path)]
    if len(archives) == 1:
        refuse_parts(archives, files)
        keep_archive_if_unchanged(archives[0], _incoming(target))
        path = _fetch_file(drive_file_url(archives[0].id, archives[0].resource_key), target, request)
        forget_listing(_incoming(target))
        return path
    if request.sha256:
        raise PipelineError(
            f"the Drive folder {folder.id} holds {len(archives)} archives, so a sha256 pin cannot be checked; "
            "give the link of one file, or leave the pin out"
        )
    images = choose_images(files, folder.id)
    directory = target.with_suffix(".folder")
    incoming = _incoming(directory)
    keep_unchanged(images, incoming)
    _download_all(images, incoming, request)
    if directory.exists():
        shutil.rmtree(directory)
    incoming.replace(directory)
    forget_listing(incoming)
    return directory


def _download_all(files: tuple[DriveFile, ...], incoming: Path, request: _DownloadRequest) -> None:
    """Download the files of a folder that an earlier, interrupted attempt did not."""
    meter = ProgressMeter(request.progress)
    bytes_done = 0
    for file in files:
        path = incoming / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            start = bytes_done
            download_file(
                drive_file_url(file.id, file.resource_key),
                path,
                request.settings,
                lambda done, _, start=start: meter(start + done, None),
                request.limits,
            )
        bytes_done += path.stat().st_size


def _url_name(url: str) -> str:
    """Return a safe file name for a URL: a digest that keeps two URLs apart, then the URL's own file name."""
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", urlsplit(url).path.rsplit("/", 1)[-1])[-80:]
    return f"url-{digest}-{name or 'download'}"


def _drive_name(item: DriveItem) -> str:
    return f"drive-{item.id}"


def _incoming(target: Path) -> Path:
    return target.with_name(f"{target.name}.incoming")


def _count_bytes(paths: tuple[Path, ...]) -> int:
    return sum(path.stat().st_size for path in paths)
