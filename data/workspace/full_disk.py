"""The error of a full disk, as one that says what to do."""

import errno
import os
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
