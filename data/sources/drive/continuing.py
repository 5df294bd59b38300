"""Continuing of an interrupted download of a Drive folder, whose content may have changed in between.

The listing that a download follows is noted beside what arrives. Of an earlier attempt, only those files stay that the
listing of then and that of now give in the same way: with the same id, and the same time of the last change as the page
shows it. That time is exact to the minute on the day of the change and a date later, so some files arrive twice.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from data.base.record import Record
from data.sources.download import find_partial, read_partial_name
from data.sources.drive.listing import DriveFile
from data.workspace.atomic import write_atomically
from data.workspace.ownership import walk_files

logger = logging.getLogger(__name__)


class _Listing(Record):
    files: dict[str, tuple[str, str]]
    """Path -> id and time of the last change."""


def keep_unchanged(files: Iterable[DriveFile], incoming: Path) -> None:
    """Remove from a directory of an earlier attempt what the folder no longer holds in the same way; note the listing.

    Args:
        files: what the folder holds now, as far as it is taken.
        incoming: the directory; it may be missing.
    """
    now = _describe(files)
    earlier = _read(incoming)
    same = {path for path, version in now.files.items() if earlier and earlier.files.get(path) == version}
    removed = 0
    for path in list(walk_files(incoming)):
        name = path.relative_to(incoming).as_posix()
        if name not in same and read_partial_name(name) not in same:
            path.unlink()
            removed += 1
    if removed:
        logger.warning("removed %d files of an earlier attempt: the Drive folder has changed since then", removed)
    _remove_empty_folders(incoming)
    write_atomically(_note(incoming), now.model_dump_json())


def keep_archive_if_unchanged(file: DriveFile, incoming: Path) -> None:
    """Remove the partial file of the one archive in a folder if it is of another archive; note the listing."""
    now = _describe([file])
    earlier = _read(incoming)
    if earlier and earlier != now:
        for part in find_partial(incoming):
            part.unlink()
    write_atomically(_note(incoming), now.model_dump_json())


def forget_listing(incoming: Path) -> None:
    """Delete the note beside a download that is complete."""
    _note(incoming).unlink(missing_ok=True)


def _describe(files: Iterable[DriveFile]) -> _Listing:
    return _Listing(files={file.path: (file.id, file.modified) for file in files})


def _read(incoming: Path) -> _Listing | None:
    try:
        return _Listing.model_validate_json(_note(incoming).read_bytes())
    except (OSError, ValidationError):
        return None


def _note(incoming: Path) -> Path:
    return incoming.with_name(f"{incoming.name}.listing")


def _remove_empty_folders(folder: Path) -> None:
    """Remove folders without a file: a file may now have the name of one."""
    for inside in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(inside.iterdir()):
            inside.rmdir()
