"""Files of a local folder, as entries like those of an archive."""

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NoReturn

from data.base.errors import PipelineError
from data.sources.archives.entries import LINK_OR_DEVICE, Entry, check_parts, escape_bytes, is_litter
from data.workspace.mark import MARK_NAME

logger = logging.getLogger(__name__)


def folder_entries(folder: Path) -> Iterator[Entry]:
    """Yield the files and folders below a folder, in the order of their names; litter is left out.

    A workspace in the folder is left out as well: it holds copies of these images, and would grow with each run.

    Raises:
        PipelineError: a folder or file cannot be read, or a name cannot be written on every file system; the files are
            opened later, by `Entry.open`, which raises it too.
    """
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not is_litter(name) and not _is_workspace(Path(parent, name)))
        for name in [*folders, *sorted(name for name in files if not is_litter(name))]:
            yield _make_entry(folder, Path(parent, name))


def _make_entry(folder: Path, path: Path) -> Entry:
    with _readable():
        state = path.lstat()
    if stat.S_ISDIR(state.st_mode):
        return Entry(parts=())
    own = path.relative_to(folder).parts
    parts = tuple(map(escape_bytes, own))
    check_parts(parts, str(path))
    entry = Entry(parts, escaped=parts != own, path=path)
    if not stat.S_ISREG(state.st_mode):
        return entry._replace(problem=LINK_OR_DEVICE)
    return entry._replace(size_bytes=state.st_size, open=partial(_open, path))


def _open(path: Path) -> BinaryIO:
    with _readable():
        return path.open("rb")


def _is_workspace(folder: Path) -> bool:
    try:
        if not (folder / MARK_NAME).is_file():
            return False
    except PermissionError:  # the walk into it names the folder
        return False
    logger.info("%s is a workspace and no part of the data set: it is left out", escape_bytes(str(folder)))
    return True


@contextmanager
def _readable() -> Iterator[None]:
    """Convert the error of a file or folder that this account may not read."""
    try:
        yield
    except PermissionError as error:
        _refuse(error)


def _refuse(error: OSError) -> NoReturn:
    raise PipelineError(
        f"cannot read {escape_bytes(os.fspath(error.filename))} ({error.strerror}), expected a source that this "
        "account may read all of: make it readable, or leave it out"
    ) from error
