"""Which stages of a workspace living processes use, so that housekeeping leaves them alone.

Each process names the stages it gets in a file of its own, on which it has a lock; the system takes the lock away from
a process that dies, however it dies, and the file means nothing from then on.
"""

import fcntl
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

HOLDS_FOLDER = ".holds"


class StagesInUse:
    """The stages that this process uses, for as long as this object lives.

    Args:
        root: of the workspace; nothing is written there before the first stage is named.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._file: int | None = None
        self._adding = threading.Lock()

    def add(self, stage: str, key: str) -> None:
        """Name a stage; do so under the lock of its key, and before looking whether it is there."""
        with self._adding:
            if self._file is None:
                self._file, path = _open_locked(self.root / HOLDS_FOLDER)
                weakref.finalize(self, _release, self._file, path, os.getpid())
            os.write(self._file, f"{stage}/{key}\n".encode())


def read_stages_in_use(root: Path) -> frozenset[tuple[str, str]]:
    """Return stage and key of all that living processes use, this one included; files of dead ones are removed."""
    held: set[tuple[str, str]] = set()
    for path in (root / HOLDS_FOLDER).glob("*"):
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
            for line in file.read().decode().splitlines():
                stage, _, key = line.partition("/")
                yield stage, key
        else:
            path.unlink(missing_ok=True)


def _open_locked(folder: Path) -> tuple[int, Path]:
    """Make a file and lock it; one that was taken for a dead process' in between is made again."""
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        path = folder / uuid4().hex
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o644)
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return file, path
        os.close(file)


def _release(file: int, path: Path, pid: int) -> None:
    if os.getpid() == pid:  # a fork has the same object, and its end is not the owner's
        path.unlink(missing_ok=True)
    with suppress(OSError):
        os.close(file)
