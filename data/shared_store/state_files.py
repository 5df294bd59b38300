"""Files of a workspace's state: copied as they are at one moment, and put into the place of others."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from data.workspace.atomic import put_in_place, remove_via_rename, write_atomically
from data.workspace.layout import ACCEPTED_FOLDER, MLFLOW_DATABASE, MLFLOW_FOLDER, REGISTRY_FOLDER, REVIEWS_FOLDER
from data.workspace.mark import MARK_NAME, PRIVATE_MODE, claim_root

COPIED = (
    ACCEPTED_FOLDER,
    REGISTRY_FOLDER,
    REVIEWS_FOLDER,
    *(f"{MLFLOW_FOLDER}/{name}" for name in (MLFLOW_DATABASE, "artifacts", "waiting")),
)
"""Files and folders of the state; what else MLflow has there are passwords."""


def copy_state(root: Path, copy: Path) -> None:
    """Copy the state of a workspace; databases as they are at one moment, even while they are written."""
    for name in COPIED:
        for path in (root / name, *sorted((root / name).rglob("*"))):
            target = copy / path.relative_to(root)
            if not path.is_file() or path.is_symlink() or path.suffix == ".lock":
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".db":
                _copy_database(path, target)
            else:
                shutil.copyfile(path, target)
    if (root / MARK_NAME).is_file():
        shutil.copyfile(root / MARK_NAME, copy / MARK_NAME)


def _copy_database(path: Path, target: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def put_mark(copy: Path, root: Path) -> None:
    """Put the mark of a copy, which makes the directory a workspace."""
    if not (root / MARK_NAME).exists():
        root.mkdir(parents=True, exist_ok=True)
        root.chmod(PRIVATE_MODE)
    write_atomically(root / MARK_NAME, (copy / MARK_NAME).read_text(encoding="utf-8"))
    claim_root(root)


def put_state(copy: Path, root: Path) -> None:
    """Put a copy in the place of the state.

    A database keeps its file and gets another content. If the file were replaced, a process that has it open, such as
    MLflow's server, would continue with the former one.
    """
    for name in COPIED:
        if (root / name).suffix == ".db" and (root / name).is_file() and (copy / name).is_file():
            _copy_database(copy / name, root / name)
        elif (copy / name).exists():
            _put(copy / name, root / name)
        elif (root / name).exists():
            remove_via_rename(root / name)


def _put(source: Path, target: Path) -> None:
    """Move a file or folder, perhaps from another disk; it gets its place once it is whole."""
    part = target.with_name(f".{target.name}.pulled")
    target.parent.mkdir(exist_ok=True)
    remove_via_rename(part)  # of a pull that was broken off
    shutil.move(source, part)
    put_in_place(part, target)
