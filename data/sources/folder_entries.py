"""Files of a local folder, as entries like those of an archive."""

import logging
import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from data.base.errors import PipelineError
from data.sources.archives.entries import LINK_OR_DEVICE, Entry, check_parts, escape_bytes, is_litter
from data.workspace.mark import MARK_NAME

logger = logging.getLogger(__name__)


def folder_entries(folder: Path) -> Iterator[Entry]:
    """Yield the files and folders below a folder, in the order of their names; litter is left out.

    A workspace in the folder is left out as well: it holds copies of these images, and would grow with each run.

    Raises:
        PipelineError: a folder cannot be read, or a name cannot be written on every file system.
    """
    for parent, folders, files in os.walk(folder, onerror=_refuse_unreadable):
        folders[:] = sorted(name for name in folders if not is_litter(name) and not _is_workspace(Path(parent, name)))
        for name in [*folders, *sorted(name for name in files if not is_litter(name))]:
            yield _make_entry(folder, Path(parent, name))


def _make_entry(folder: Path, path: Path) -> Entry:
    state = path.lstat()
    if stat.S_ISDIR(state.st_mode):
        return Entry(parts=())
    own = path.relative_to(folder).parts
    parts = tuple(map(escape_bytes, own))
    check_parts(parts, str(path))
    entry = Entry(parts, escaped=parts != own, path=path)
    if not stat.S_ISREG(state.st_mode):
        return entry._replace(problem=LINK_OR_DEVICE)
    return entry._replace(size_bytes=state.st_size, open=partial(path.open, "rb"))


def _is_workspace(folder: Path) -> bool:
    if not (folder / MARK_NAME).is_file():
        return False
    logger.info("%s is a workspace and no part of the data set: it is left out", escape_bytes(str(folder)))
    return True


def _refuse_unreadable(error: OSError) -> None:
    raise PipelineError(
        f"cannot read the folder {escape_bytes(error.filename)} ({error.strerror}); make it readable, or leave it out"
    ) from error
