"""Replacement and removal of files and directories as a whole, and the locks that guard them."""

import logging
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


def put_in_place(work: Path, target: Path) -> None:
    """Give a written stage its name; an older stage of that name is renamed first and deleted last.

    Deleting takes time, during which another run that reads the older stage would find half of it.
    """
    _move_to_trash(target)
    work.replace(target)
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
    """Write a text file so that a kill at any moment leaves the old or the new content, even with several writers."""
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, give_up: Callable[[], bool]) -> Iterator[None]:
    """Hold the lock on a key; if another process has it, log that and wait until `give_up` returns True."""
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
