"""GPUs of this host, shared among the processes that train on it: each takes the one that fewest others use."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from data.base.errors import PipelineError

MOST_SHARED = 16
"""Trainings on one GPU by different processes; beyond it they are no longer spread evenly."""


@contextmanager
def take_gpu(devices: Sequence[str], folder: Path | None = None) -> Iterator[str]:
    """Take the device that fewest processes have taken; it never waits. A process that dies gives its device back.

    Args:
        devices: GPUs as CUDA_VISIBLE_DEVICES names them, at least one.
        folder: of the locks, the same for all processes; by default one of this user in the system's temporary folder.

    Raises:
        PipelineError: the folder of the locks belongs to another user.
    """
    folder = folder or _make_folder()
    for slot in range(MOST_SHARED):
        for device in devices:
            lock = FileLock(folder / f"{device.replace('/', '_')}-{slot}.lock", blocking=False)
            try:
                lock.acquire()
            except Timeout:
                continue
            try:
                yield device
            finally:
                lock.release()
            return
    yield devices[0]


def _make_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"emotion-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PipelineError(f"got {folder} of another user, expected one of this user: remove it, or set TMPDIR")
    return folder
