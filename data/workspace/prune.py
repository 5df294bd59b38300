"""Pruning of a workspace: the plan of what is kept and why, and the removal of the rest.

A removal is safe against a kill at any moment: it renames the item to a hidden name first and deletes it there.
Nothing is removed for its name alone: stages and working directories hold a file that proves that they are ours,
anything else has an entry in the ledger of `data.workspace.ownership`. Links are neither followed nor removed.
"""

import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from data.base.times import parse_time
from data.workspace.atomic import delete_trash, remove_via_rename, try_lock
from data.workspace.digests import hash_file
from data.workspace.in_use import read_stages_in_use
from data.workspace.layout import (
    DATA_DOCS_FOLDER,
    DATASETS_STAGE,
    DOWNLOADS_FOLDER,
    IMAGES_STAGE,
    RENDERED_FOLDER,
    REPORTS_STAGE,
    SERVICE_LOGS,
)
from data.workspace.mark import find_mark
from data.workspace.ownership import find_partial, forget_owned, holds_only_ours, list_owned
from data.workspace.reachability import DAY_SECONDS, PrunePolicy, Stored, find_stages, select_kept
from data.workspace.stage_record import KEY, find_other_files, read_record
from data.workspace.store import FETCH_SUFFIX, Workspace, key_of_work

LOG_BYTES = 5_000_000
"""A log above this size is cut to its last `LOG_TAIL_BYTES`."""

LOG_TAIL_BYTES = 1_000_000


OWNED_FOLDERS = (DOWNLOADS_FOLDER, DATA_DOCS_FOLDER, RENDERED_FOLDER)
"""Folders whose content has entries in the ledger."""


class Item(NamedTuple):
    """Something in the workspace that is kept or removed."""

    kind: str
    path: Path
    size_bytes: int
    kept_for: str
    """Why it stays; empty if it is removed."""
    remove: Callable[[], bool]
    """Remove it and return True; return False if it is in use by now."""


def prune_workspace(
    workspace: Workspace, policy: PrunePolicy, dry_run: bool = False, run_pruners: Sequence["RunPruner"] = ()
) -> tuple[tuple["KindCount", ...], tuple[datetime, ...]]:
    """Remove what is no longer needed from the workspace, then from the stores beside it.

    Args:
        workspace: the workspace to prune.
        policy: what is kept.
        dry_run: count only.
        run_pruners: of stores beside the workspace; an error in one skips the others, after the workspace is pruned.

    Returns:
        What was removed and kept of each kind, and when the kept reports were made.
    """
    items = plan_prune(workspace, policy)
    items = items if dry_run else remove_unkept(items)
    stores = [prune(kept_keys(items), dry_run) for prune in run_pruners]
    return (*count_kinds(items), *stores), kept_report_times(items)


def plan_prune(workspace: Workspace, policy: PrunePolicy) -> tuple[Item, ...]:
    """List everything that pruning covers, and why each item stays; change nothing.

    Args:
        workspace: the workspace to prune.
        policy: what is kept.

    Returns:
        Reports come first, so that a kill leaves no report whose stages are already removed.

    Raises:
        PipelineError: the directory is not a workspace.
    """
    find_mark(workspace.root)
    stages = find_stages(workspace.root)
    kept = select_kept(stages, workspace.root, policy)
    items = [_stage_item(stored, kept.get(stored.name, ""), workspace) for stored in stages]
    kept_stages = [stored for stored in stages if stored.name in kept]
    others = chain(
        _broken_off(workspace, policy),
        _data_docs(
            workspace.root, {stored.record.key for stored in kept_stages if stored.record.stage == DATASETS_STAGE}
        ),
        _rendered(
            workspace.root, {stored.record.key for stored in kept_stages if stored.record.stage == REPORTS_STAGE}
        ),
        _downloads(workspace.root, policy, kept_stages),
        _logs(workspace.root),
        _leftovers(workspace.root),
    )
    return tuple(sorted(items, key=lambda item: item.kind != REPORTS_STAGE)) + tuple(others)


def _stage_item(stored: Stored, kept_for: str, workspace: Workspace) -> Item:
    if not kept_for and any(find_other_files(stored.path)):
        kept_for = "other files inside"
    remove = _bind(workspace.discard, *stored.name, stored.used)
    return Item(stored.record.stage, stored.path, disk_usage(stored.path), kept_for, remove)


def _broken_off(workspace: Workspace, policy: PrunePolicy) -> Iterator[Item]:
    """Yield the working directories of stages that are not finished."""
    held, since = read_stages_in_use(workspace.root), time.time() - policy.days * DAY_SECONDS
    for path in _owned(workspace.root):
        stage, key = path.parent.name, key_of_work(path)
        if path != workspace.work_directory(stage, key):
            continue
        in_use = (stage, key) in held or workspace.is_written(stage, key)
        kept_for = "in use" if in_use else "recent" if last_change(path) > since else ""
        remove = _bind(workspace.discard_work, stage, key)
        yield Item("broken-off work", path, disk_usage(path), kept_for, remove)


def _data_docs(root: Path, kept: set[str]) -> Iterator[Item]:
    """Yield Great Expectations' pages, which stay as long as their data sets."""
    for path in _owned(root, DATA_DOCS_FOLDER):
        yield _owned_item("data docs", root, path, "kept data sets" if path.name in kept else "")


def _rendered(root: Path, kept: set[str]) -> Iterator[Item]:
    """Yield pages that were rendered again from reports; they stay as long as the reports."""
    for path in _owned(root, RENDERED_FOLDER):
        yield _owned_item("rendered pages", root, path, "kept reports" if kept.issuperset(path.name.split("-")) else "")


def _downloads(root: Path, policy: PrunePolicy, kept: list[Stored]) -> Iterator[Item]:
    """Yield downloads; recent ones stay, and so does the archive of kept images, which may be pinned."""
    digests = {
        str(stored.record.inputs.get("archive_sha256")) for stored in kept if stored.record.stage == IMAGES_STAGE
    }
    since = time.time() - policy.days * DAY_SECONDS
    for path in _owned(root, DOWNLOADS_FOLDER):
        recent = last_change(path) > since
        unpacked = not recent and path.suffix == ".archive" and hash_file(path) in digests
        yield _owned_item("downloads", root, path, "recent" if recent else "kept images" if unpacked else "")
    for path in chain.from_iterable(find_partial(target) for target in list_owned(root, DOWNLOADS_FOLDER)):
        recent = "recent" if last_change(path) > since else ""
        yield Item("downloads", path, disk_usage(path), recent, _bind(_remove_partial, path))


def _owned(root: Path, folder: str = "") -> list[Path]:
    """Return what this project made in a folder, or anywhere beside the stages, as far as it is there."""
    return [path for path in list_owned(root, folder) if path.exists() and not _is_linked(path)]


def _owned_item(kind: str, root: Path, path: Path, kept_for: str) -> Item:
    if not kept_for and not holds_only_ours(root, path):
        kept_for = "other files inside"
    return Item(kind, path, disk_usage(path), kept_for, _bind(_remove_owned, root, path))


def _is_linked(path: Path) -> bool:
    return path.is_symlink() or path.parent.is_symlink()


def _logs(root: Path) -> Iterator[Item]:
    """Yield the logs that grow with every run; logs inside stages do not."""
    for path in (root / name for name in SERVICE_LOGS):
        size = path.stat().st_size if path.is_file() and not _is_linked(path) else 0
        if size > LOG_BYTES:
            yield Item("logs", path, size - LOG_TAIL_BYTES, "", _bind(cut_log, path))


def cut_log(path: Path) -> bool:
    """Cut a log in place to its last megabyte, from the start of a line; its writer appends to the same file.

    Lines written between reading and cutting are lost.
    """
    with path.open("r+b") as file:
        file.seek(-LOG_TAIL_BYTES, os.SEEK_END)
        tail = file.read().partition(b"\n")[2]
        file.seek(0)
        file.truncate()
        file.write(tail)
    return True


def _leftovers(root: Path) -> Iterator[Item]:
    """Yield what an earlier, killed removal renamed but did not delete, and what a killed fetch left."""
    owned = set(list_owned(root))
    for path in sorted(owned):
        if path.name.endswith(FETCH_SUFFIX) and path.is_dir():
            yield Item("leftovers", path, disk_usage(path), "", _bind(_remove_fetched, root, path))
    for path in sorted(root.glob("[!.]*/.*.old")):
        target = path.with_name(path.name.removeprefix(".").removesuffix(".old"))
        if not _is_linked(path) and (target in owned or _was_stage(path)):
            yield Item("leftovers", path, disk_usage(path), "", _bind(_remove_leftover, root, target))


def _was_stage(path: Path) -> bool:
    """Tell whether a renamed directory was a stage; an empty one is all that is left of it."""
    try:
        record = read_record(path)
    except (OSError, ValueError):
        return path.is_dir() and not any(path.iterdir())
    return (record.stage, f".{record.key}.old") == (path.parent.name, path.name)


def _remove_owned(root: Path, path: Path) -> bool:
    """Remove something that has a ledger entry, unless another process writes in its folder or it changed meanwhile."""
    with try_lock(_owned_lock(path)) as mine:
        if not mine or not holds_only_ours(root, path):
            return False
        remove_via_rename(path)
        forget_owned(root, path)
    return True


def _remove_partial(path: Path) -> bool:
    """Remove a partial download in its place: the next attempt downloads what is missing."""
    with try_lock(_owned_lock(path)) as mine:
        if mine and path.is_dir():
            shutil.rmtree(path)
        elif mine:
            path.unlink(missing_ok=True)
    return mine


def _remove_leftover(root: Path, target: Path) -> bool:
    key = key_of_work(target)
    lock = _owned_lock(target) if target.parent.name in OWNED_FOLDERS else target.with_name(f".{key}.lock")
    with try_lock(lock) as mine:
        if mine:
            delete_trash(target)
        if mine and not target.exists():
            forget_owned(root, target)
    return mine


def _remove_fetched(root: Path, path: Path) -> bool:
    with try_lock(path.with_name(f"{path.name.removesuffix(FETCH_SUFFIX)}.lock")) as mine:
        if mine:
            shutil.rmtree(path)
            forget_owned(root, path)
    return mine


def _owned_lock(path: Path) -> Path:
    """Return the lock of whoever writes the path: each download has its own, each folder of pages has one."""
    if path.parent.name != DOWNLOADS_FOLDER:
        return path.with_name(".lock")
    return path.with_name(f".{re.sub(r'[.](archive|folder)([.].*)?$', '', path.name)}.lock")


def _bind(function: Callable[..., bool], *arguments: Any) -> Callable[[], bool]:
    """Bind a call's arguments now: a loop's variables have other values later."""
    return lambda: function(*arguments)


def remove_unkept(items: Iterable[Item]) -> tuple[Item, ...]:
    """Remove what the plan does not keep, and return the plan with what was kept because it is in use by now."""
    return tuple(item if item.kept_for or item.remove() else item._replace(kept_for="in use") for item in items)


class RunPruner(Protocol):
    """Removes the runs of a store beside the workspace, such as an experiment tracker, that are no longer needed."""

    def __call__(self, kept: frozenset[str], dry_run: bool) -> "KindCount":
        """Remove the runs whose stages were removed.

        Args:
            kept: keys of all stages that stay, reports and variants among them.
            dry_run: count only.

        Returns:
            What was removed and what stays.
        """
        ...


def kept_keys(items: Iterable[Item]) -> frozenset[str]:
    """Return the keys of the stages that stay."""
    return frozenset(item.path.name for item in items if item.kept_for and KEY.fullmatch(item.path.name))


def kept_report_times(items: Iterable[Item]) -> tuple[datetime, ...]:
    """Return when the reports that stay were made."""
    reports = (item.path for item in items if item.kind == REPORTS_STAGE and item.kept_for)
    return tuple(parse_time(read_record(path).created) for path in reports)


class KindCount(NamedTuple):
    """Counts of the removed and the kept items of one kind."""

    kind: str
    removed: int
    removed_bytes: int
    kept: int
    kept_bytes: int
    kept_for: dict[str, int]
    """Reason -> number of items that stay for it."""


def count_kinds(items: Iterable[Item]) -> tuple[KindCount, ...]:
    """Count the items of each kind, the kind that frees most first."""
    by_kind: dict[str, list[Item]] = {}
    for item in items:
        by_kind.setdefault(item.kind, []).append(item)
    counts = (_count(kind, of_kind) for kind, of_kind in by_kind.items())
    return tuple(sorted(counts, key=lambda count: (-count.removed_bytes, -count.kept_bytes, count.kind)))


def _count(kind: str, items: list[Item]) -> KindCount:
    kept, removed = [i for i in items if i.kept_for], [i for i in items if not i.kept_for]
    return KindCount(
        kind,
        len(removed),
        sum(item.size_bytes for item in removed),
        len(kept),
        sum(item.size_bytes for item in kept),
        dict(Counter(item.kept_for for item in kept).most_common()),
    )


def disk_usage(path: Path) -> int:
    """Return the disk usage of a file or directory in bytes; many small files use more than their sizes."""
    return sum(status.st_blocks * 512 for status in _statuses(path))


def last_change(path: Path) -> float:
    """Return when anything in a file or directory was last written, in seconds since the epoch."""
    return max((status.st_mtime for status in _statuses(path)), default=0.0)


def _statuses(path: Path) -> Iterator[os.stat_result]:
    """Yield the status of a path and of all below it; skip what is removed meanwhile."""
    for found in chain([path], path.rglob("*") if path.is_dir() else ()):
        try:
            yield found.lstat()
        except FileNotFoundError:
            continue
