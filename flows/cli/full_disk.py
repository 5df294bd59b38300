"""Full disk as the cause of an error: the errors of libraries and of Prefect's server do not always say so."""

import shutil
from collections.abc import Iterator
from contextlib import suppress

from data.base.errors import PipelineError
from data.workspace.full_disk import FULL_DISK
from flows.settings import read_settings

FULL_BYTES = 1 << 20
"""Free space below which SQLite and logs cannot be written."""


def find_full_disk(error: BaseException) -> str:
    """Return what to do if a full disk is behind an error, else an empty text."""
    with suppress(OSError, PipelineError):
        root = read_settings().workspace
        free = shutil.disk_usage(root).free
        if free < FULL_BYTES or any(isinstance(one, OSError) and one.errno in FULL_DISK for one in _causes(error)):
            said = " ".join(str(error).split())[:200]
            return (
                f"got {free} free bytes on the disk of {root} and the error {said}; expected room: run "
                "`emotion prune`, or set EMOTION_WORKSPACE to a directory on a larger disk, then start again; what "
                "was finished is kept"
            )
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
