"""Stages that living processes use, so that pruning does not remove them.

Each process writes the stages that it uses into its own locked file. When a process ends, for whatever reason, the
operating system releases the lock, and the file no longer counts.
"""

import fcntl
import logging
import os
import re
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

logger = logging.getLogger(__name__)

HOLDS_FOLDER = ".holds"

HOLD_NAME = re.compile("[0-9a-f]{32}")


class StagesInUse:
    """Stages that this process uses, as long as this object lives.

    Args:
        root: of the workspace; nothing is written there before the first stage is added.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._file: int | None = None
        self._adding = threading.Lock()

    def add(self, stage: str, key: str) -> None:
        """Add a stage. Call this under the lock of its key, before checking whether the stage exists."""
        with self._adding:
            if self._file is None:
                self._file, path = _open_locked(self.root / HOLDS_FOLDER)
                weakref.finalize(self, _release, self._file, path, os.getpid())
            os.write(self._file, f"{stage}/{key}\n".encode())


def read_stages_in_use(root: Path) -> frozenset[tuple[str, str]]:
    """Return stage and key of all stages that living processes use; remove the files of processes that ended."""
    held: set[tuple[str, str]] = set()
    for path in (root / HOLDS_FOLDER).glob("*"):
        if HOLD_NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            held.update(_read_if_alive(path))
    return frozenset(held)


def _read_if_alive(path: Path) -> Iterator[tuple[str, str]]:
    try:
        file = path.open("rb")
    except FileNotFoundError:  # its process ended meanwhile
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            for line in file.read().decode(errors="replace").split("\n")[:-1]:
                stage, _, key = line.partition("/")
                if not key or "\ufffd" in line:
                    logger.warning("a line of %s is damaged (%r); its stage is not known to be in use", path, line[:80])
                yield stage, key
        else:
            path.unlink(missing_ok=True)


def _open_locked(folder: Path) -> tuple[int, Path]:
    """Create a file and lock it; create another if it was removed in between as that of a process that ended."""
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        path = folder / uuid4().hex
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o644)
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return file, path
        os.close(file)


def _release(file: int, path: Path, pid: int) -> None:
    if os.getpid() == pid:  # a fork has the same object, but does not own the file
        path.unlink(missing_ok=True)
    with suppress(OSError):
        os.close(file)
