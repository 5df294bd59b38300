"""Upkeep of a store: what it has, whether that is whole, and the removal of what no workspace needs."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from data.shared_store.leases import LEASES_FOLDER, list_leases
from data.shared_store.needs import list_needs
from data.shared_store.news import NEWS_FOLDER
from data.shared_store.objects import ObjectStore
from data.shared_store.packs import OBJECTS_FOLDER, DamagedObject, unpack
from data.shared_store.progress import PROGRESS_FOLDER, list_progress
from data.shared_store.stages import SharedStage, forget_stage, list_stages, read_stage, stage_name
from data.shared_store.state import list_states
from data.workspace.digests import checksum_files
from data.workspace.reachability import references


class Removed(NamedTuple):
    """What pruning removed, or would remove."""

    stages: tuple[tuple[str, str], ...]
    objects: int
    object_bytes: int
    kept: int
    """Stages that stay."""


def find_damaged(store: ObjectStore) -> Iterator[tuple[str, str, str]]:
    """Read every stage of a store, and yield kind, key and fault of those that are not whole."""
    for stage, key in list_stages(store):
        shared = read_stage(store, stage, key)
        with TemporaryDirectory(prefix="emotion-verify-") as folder:
            if shared and (fault := _find_fault(store, shared, Path(folder))):
                yield stage, key, fault


def prune_store(store: ObjectStore, days: float, dry_run: bool) -> Removed:
    """Remove the stages that no workspace needs, and then the objects that belong to none.

    What a workspace named, what a host writes now, what those were made from, and what is younger than `days` stays.

    Args:
        store: that the hosts share.
        days: age from which something may go; a host may be about to name what is younger.
        dry_run: remove nothing.
    """
    young = {name for name, _ in store.list("", younger=timedelta(days=days))}
    objects = dict(store.list(OBJECTS_FOLDER))  # before the stages: one that is finished meanwhile keeps its objects
    stages = {(stage, key): shared for stage, key in list_stages(store) if (shared := read_stage(store, stage, key))}
    kept = _reachable(stages, {*_needed(store), *(name for name in stages if stage_name(*name) in young)})
    gone = sorted(set(stages) - kept)
    used = {name for place in kept for name in stages[place].packed.objects()}
    used |= {name for state in list_states(store) for name in state.packed.objects()}
    used |= {name for place, found in list_progress(store) if place in young for name in found.packed.objects()}
    unused = sorted(set(objects) - used - young)
    if not dry_run:
        for folder in (LEASES_FOLDER, NEWS_FOLDER, PROGRESS_FOLDER):  # of hosts that ended without an end to their work
            for name in {name for name, _ in store.list(folder)} - young:
                store.delete(name)
        for stage, key in gone:
            forget_stage(store, stage, key)
        for name in unused:
            store.delete(name)
    return Removed(tuple(gone), len(unused), sum(objects[name] for name in unused), len(kept))


def _needed(store: ObjectStore) -> Iterator[tuple[str, str]]:
    for needs in list_needs(store):
        yield from needs.stages
    yield from ((stage, key) for stage, key, _ in list_leases(store))


def _reachable(stages: Mapping[tuple[str, str], SharedStage], roots: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the stages among the roots, and all that they were made from."""
    by_key: dict[str, list[tuple[str, str]]] = {}
    for place in stages:
        by_key.setdefault(place[1], []).append(place)
    reached, pending = set[tuple[str, str]](), [place for place in roots if place in stages]
    while pending:
        place = pending.pop()
        if place not in reached:
            reached.add(place)
            keys = (key for _, key in references(stages[place].record.inputs))
            pending += [other for key in keys for other in by_key.get(key, ())]
    return reached


def _find_fault(store: ObjectStore, shared: SharedStage, folder: Path) -> str:
    try:
        unpack(store, shared.packed, folder)
    except DamagedObject as error:
        return str(error)
    found = checksum_files(folder)
    differing = [name for name in {*found, *shared.record.files} if found.get(name) != shared.record.files.get(name)]
    return f"other files than its record says: {', '.join(sorted(differing)[:3])}" if differing else ""
