"""Ledger of what this project made in a workspace beside its stages, so that nothing else there is ever removed.

A stage proves by its record that it is ours. Downloads, pages and the like have no record; each has an entry in the
workspace's ledger instead, written before the thing itself. What has no entry, or holds a file that its entry does not
list, belongs to a person and stays.
"""

import hashlib
import os
from collections.abc import Iterator
from glob import escape
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from data.workspace.atomic import write_atomically

LEDGER_FOLDER = ".owned"


class Entry(BaseModel):
    """Something that this project made."""

    model_config = ConfigDict(frozen=True)

    path: str
    """Relative to the root of the workspace, with slashes."""
    files: dict[str, int] = {}
    """Relative path -> size in bytes of each file in it, or "" for the file itself; empty until it is finished."""


def start_owned(root: Path, path: Path) -> None:
    """Enter a file or directory that is about to be made; an earlier entry of that path stays.

    Args:
        root: of the workspace.
        path: below the root.
    """
    entry = Entry(path=path.relative_to(root).as_posix())
    if _read(_entry_path(root, entry.path)) is None:
        _write(root, entry)


def finish_owned(root: Path, path: Path) -> None:
    """Enter a finished file or directory with the files that it holds now."""
    _write(root, Entry(path=path.relative_to(root).as_posix(), files=list_files(path)))


def forget_owned(root: Path, path: Path) -> None:
    """Delete the entry of something that was removed."""
    _entry_path(root, path.relative_to(root).as_posix()).unlink(missing_ok=True)


def list_owned(root: Path, folder: str = "") -> Iterator[Path]:
    """Yield the paths in a folder, or in all, that have an entry, whether something is there or not."""
    for path in sorted((root / LEDGER_FOLDER).glob("*.json")):
        entry = _read(path)
        if entry and path == _entry_path(root, entry.path) and (not folder or Path(entry.path).parent == Path(folder)):
            yield root / entry.path


def find_partial(path: Path) -> list[Path]:
    """Return the partial files and directories of a download that has an entry."""
    return sorted(path.parent.glob(f"{escape(path.name)}.incoming*"))


def holds_only_ours(root: Path, path: Path) -> bool:
    """Tell whether a finished file or directory is what this project made, without other or changed files."""
    entry = _read(_entry_path(root, path.relative_to(root).as_posix()))
    if entry is None or path.is_symlink():
        return False
    return all(entry.files.get(name) == size for name, size in list_files(path).items())


def list_files(path: Path) -> dict[str, int]:
    """Return relative path and size in bytes of every file and link in a directory; "" is the path of a file itself."""
    if not path.is_dir() or path.is_symlink():
        return {"": path.lstat().st_size}
    return {inside.relative_to(path).as_posix(): inside.lstat().st_size for inside in walk_files(path)}


def walk_files(path: Path) -> Iterator[Path]:
    """Yield every file and link below a directory; links to directories are not followed."""
    for folder, folders, files in os.walk(path):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        yield from (Path(folder, name) for name in (*files, *links))


def _entry_path(root: Path, relative: str) -> Path:
    return root / LEDGER_FOLDER / f"{hashlib.sha256(relative.encode()).hexdigest()[:32]}.json"


def _read(path: Path) -> Entry | None:
    try:
        entry = Entry.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return None if ".." in Path(entry.path).parts else entry


def _write(root: Path, entry: Entry) -> None:
    path = _entry_path(root, entry.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, entry.model_dump_json())
