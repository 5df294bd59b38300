"""Mark of a workspace: the file that says that a directory is one, so that no other directory is ever changed.

A workspace is a directory with this file. An empty or new directory gets it with the first write, and so does a
workspace of an earlier version, which is recognised by its finished stages. Any other directory is refused.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from data.base.errors import PipelineError
from data.workspace.atomic import write_atomically
from data.workspace.stage_record import list_records

MARK_NAME = "emotion_workspace.json"

VERSION = 1
"""Version of the workspace's form; a workspace of a later version is refused."""

PRIVATE_MODE = 0o700
"""Only the owner may read a workspace: it holds databases, passwords and faces."""

OF_SERVERS = {"mlflow", "prefect", "up"}
"""Folders of servers, which may start before the first run and in containers of their own."""

OF_THE_SYSTEM = {"lost+found", ".DS_Store"}
"""Names that file systems put into an empty directory."""


class Mark(BaseModel):
    """Content of a workspace's mark."""

    model_config = ConfigDict(frozen=True)

    version: int
    id: str
    """32 random hex digits, by which stores beside the workspace know what belongs to it."""


def find_mark(root: Path) -> Mark | None:
    """Return the mark of a workspace, or None if the directory is new, empty, or of an earlier version.

    Raises:
        PipelineError: the directory cannot be read, is something else, or is a workspace of a later version.
    """
    if "?" in str(root):
        raise PipelineError(
            f"got {root}, expected a path without a question mark, which no address of an SQLite database can hold: "
            "set EMOTION_WORKSPACE to another directory"
        )
    with _explained(root):
        try:
            text = (root / MARK_NAME).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            _refuse_other_directories(root)
            return None
    return _parse(text, root)


def _parse(text: bytes, root: Path) -> Mark:
    try:
        mark = Mark.model_validate_json(text)
    except ValidationError as error:
        raise PipelineError(
            f"got {root / MARK_NAME} that cannot be read ({str(error).splitlines()[0]}), expected the mark of a "
            "workspace: restore it from a backup, or delete it if the directory is a workspace, which gets a new one"
        ) from error
    if mark.version > VERSION:
        raise PipelineError(
            f"got a workspace of version {mark.version} in {root}, expected at most {VERSION}: use the release of this "
            "project that made it, or set EMOTION_WORKSPACE to another directory"
        )
    return mark


def claim_root(root: Path) -> Mark:
    """Return the mark of a workspace; make the directory and the mark if they do not exist.

    Raises:
        PipelineError: the directory cannot be made or written, or is not a workspace.
    """
    mark = find_mark(root)
    with _explained(root):
        return mark or _make_mark(root)


@contextmanager
def _explained(root: Path) -> Iterator[None]:
    """Turn an error of the file system into one that says what to do."""
    try:
        yield
    except OSError as error:
        raise PipelineError(
            f"got {error.strerror or error} for {error.filename or root}, expected a directory that you can read and "
            "write: set EMOTION_WORKSPACE to a directory of your own on a disk with free space"
        ) from error


def _make_mark(root: Path) -> Mark:
    """Write the mark; of two processes that do it at once, the first one's id counts."""
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(PRIVATE_MODE)
    path = root / MARK_NAME
    with FileLock(path.with_name(f".{MARK_NAME}.lock")):
        if not path.exists():
            write_atomically(path, Mark(version=VERSION, id=uuid4().hex).model_dump_json() + "\n")
    return _parse(path.read_bytes(), root)


def _refuse_other_directories(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise PipelineError(f"got the file {root}, expected a directory: set EMOTION_WORKSPACE to a directory")
    others = sorted(entry.name for entry in os.scandir(root) if not _may_be_new(entry.name)) if root.exists() else []
    marked_meanwhile = (root / MARK_NAME).exists()  # by another process, which then made the first folder
    if others and not marked_meanwhile and next(list_records(root), None) is None:
        raise PipelineError(
            f"got {root}, which holds {', '.join(others[:3])}{' and more' if len(others) > 3 else ''} but no "
            f"{MARK_NAME}; expected a workspace, or a new or empty directory: set EMOTION_WORKSPACE to one. Nothing "
            "was changed"
        )


def _may_be_new(name: str) -> bool:
    being_made = name == MARK_NAME or name.startswith(f".{MARK_NAME}.")  # by another process
    return being_made or name in OF_SERVERS | OF_THE_SYSTEM
