"""The error of a full disk, as one that says what to do."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.base.errors import PipelineError

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
"""Numbers of the errors of a full disk and of a used up quota."""


@contextmanager
def full_disk_explained(root: Path, stage: str) -> Iterator[None]:
    """Turn the error of a disk that became full into one that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        raise PipelineError(
            f"got {os.strerror(error.errno)} while {stage} was written in {root}, expected room for it: run `emotion "
            "prune`, or set EMOTION_WORKSPACE to a directory on a larger disk, then start again; what was finished is "
            "kept"
        ) from error


def require_free_space(root: Path, need_bytes: int, reserve_bytes: int, what: str) -> None:
    """Check that the disk of a directory has room.

    Args:
        root: the directory.
        need_bytes: bytes that will be written, at the peak.
        reserve_bytes: free space that has to remain.
        what: name of what is written, for the message.

    Raises:
        PipelineError: there is less free space.
    """
    free = shutil.disk_usage(root).free
    if free < need_bytes + reserve_bytes:
        raise PipelineError(
            f"got {_in_megabytes(free)} of free space in {root}, expected {_in_megabytes(need_bytes)} for {what} and "
            f"{_in_megabytes(reserve_bytes)} to spare: run `emotion prune`, set EMOTION_WORKSPACE to a directory on a "
            "larger disk, or EMOTION_RESERVE_BYTES to what is to be spared"
        )


def _in_megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
