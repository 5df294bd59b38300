"""The lock of a workspace's registry: who moves the champion, or copies or replaces the registry, holds it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from data.base.errors import PipelineError

LOCK_NAME = ".registry.lock"
"""In the workspace itself, because a pull from a store replaces the folder of the registry."""

LOCK_SECONDS = 60.0


@contextmanager
def hold_registry(root: Path) -> Iterator[None]:
    """Hold the lock; another thread or process waits for it.

    Args:
        root: of the workspace, which exists.

    Raises:
        PipelineError: another process held it for LOCK_SECONDS.
    """
    path = root / LOCK_NAME
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout as error:
        raise PipelineError(
            f"got no lock on {path} within {LOCK_SECONDS:.0f} s: another process moves the champion, or copies it to "
            "or from a store; look at emotion models list, then try again"
        ) from error
    try:
        yield
    finally:
        lock.release()
