"""Replacement and removal of files and directories as a whole, and the locks that guard them.

What is replaced is on the disk before it gets its name, so that a power loss leaves the old content or the new one.
"""

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from data.base.errors import PipelineError

logger = logging.getLogger(__name__)

RECORD_NAME = "_complete.json"
"""File with the record of a finished stage, which proves that the directory around it is one."""

SYNCED_ONE_BY_ONE = 500
"""Files up to which each is written to the disk by itself; for more, all disks are written once, which is faster."""


def put_in_place(work: Path, target: Path) -> None:
    """Give a written stage its name; an older stage of that name is renamed first and deleted last.

    Deleting takes time, during which another run that reads the older stage would find half of it.
    """
    _move_to_trash(target)
    work.replace(target)
    sync_directory(target.parent)
    with suppress(OSError):  # the next pruning deletes the rest
        delete_trash(target)


def remove_via_rename(target: Path) -> None:
    """Rename a file or directory to its trash path and delete it there, with the rest of an earlier, killed call."""
    _move_to_trash(target)
    delete_trash(target)


def delete_trash(target: Path) -> None:
    """Delete what is under the trash path of a target; links are deleted, not followed.

    The record of a stage goes last, so that a later call can finish a killed one.
    """
    aside = _trash_path(target)
    if not aside.is_dir() or aside.is_symlink():
        aside.unlink(missing_ok=True)
        return
    for path in sorted(aside.iterdir(), key=lambda path: path.name == RECORD_NAME):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    aside.rmdir()


def _move_to_trash(target: Path) -> Path:
    aside = _trash_path(target)
    delete_trash(target)  # left by a process that was killed here
    if target.exists():
        target.replace(aside)
    return aside


def _trash_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a kill or a power loss at any moment leaves the old or the new content.

    Several processes may write it at once; the last one counts.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        write_synced(temporary, text)
        temporary.replace(path)
        sync_directory(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_synced(path: Path, text: str) -> None:
    """Write a text file and wait until its content is on the disk."""
    path.write_text(text, encoding="utf-8")
    sync_file(path)


def sync_file(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    _sync(path, os.O_RDONLY)


def sync_directory(path: Path) -> None:
    """Wait until the names in a directory are on the disk; a file system that cannot do this is left alone."""
    try:
        _sync(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def sync_tree(root: Path) -> None:
    """Wait until everything below a directory is on the disk."""
    below = [path for path in root.rglob("*") if not path.is_symlink()]
    if len(below) > SYNCED_ONE_BY_ONE:
        os.sync()
        return
    for path in below:
        sync = sync_directory if path.is_dir() else sync_file
        sync(path)
    sync_directory(root)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, give_up: Callable[[], bool]) -> Iterator[None]:
    """Hold the lock on a key; if another process has it, log that and wait until `give_up` returns True.

    The folder of the lock is made if it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("waiting for another run that writes %s", path.name.strip("."))
        _wait_for(lock, give_up)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold a lock if no other process has it, and yield whether it is held."""
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _wait_for(lock: FileLock, give_up: Callable[[], bool]) -> None:
    try:
        lock.acquire(cancel_check=give_up)
    except Timeout as error:
        raise PipelineError(
            f"got no lock on {lock.lock_file}, which another run holds, before this run ended: run again after it"
        ) from error
