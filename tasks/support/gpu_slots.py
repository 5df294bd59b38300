"""GPUs of this host, shared among the processes that train on it: each takes one that fewest others have."""

import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)

MOST_SHARED = 16
"""Trainings of different processes on one GPU that are counted; further ones are not spread."""

COUNT_SECONDS = 10.0
"""Far more than one count takes."""


@contextmanager
def take_gpu(devices: Sequence[str], folder: Path | None = None) -> Iterator[str]:
    """Take the device that fewest processes have; it does not wait until one is free.

    Processes of one user count each other if they have the same temporary folder. One that dies gives its device back.
    Where nothing can be counted, everybody gets the first one.

    Args:
        devices: GPUs as CUDA_VISIBLE_DEVICES names them, at least one.
        folder: of the locks, the same for all processes; by default one of this user in the temporary folder.
    """
    with ExitStack() as held:
        device = devices[0]
        if len(devices) > 1:
            try:
                device = _take_least_used(devices, folder or _make_folder(), held)
            except (OSError, Timeout) as error:
                logger.warning("trainings of different runs are not spread over the GPUs of this host: %s", error)
        yield device


def _take_least_used(devices: Sequence[str], folder: Path, held: ExitStack) -> str:
    """Lock a free slot of the device with fewest locked ones; `held` gets the lock."""
    with FileLock(folder / "count.lock", timeout=COUNT_SECONDS):
        free = {device: _list_free(folder, device) for device in devices}
        device = max(devices, key=lambda device: len(free[device]))
        if free[device]:
            held.enter_context(FileLock(free[device][0], blocking=False))
    return device


def _list_free(folder: Path, device: str) -> list[Path]:
    free = []
    for slot in range(MOST_SHARED):
        path = folder / f"{device.replace('/', '_')}-{slot}.lock"
        try:
            with FileLock(path, blocking=False):
                free.append(path)
        except Timeout:
            continue
    return free


def _make_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"emotion-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    return folder
