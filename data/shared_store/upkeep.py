"""Upkeep of a store: what it has, whether that is whole, and the removal of what no workspace needs."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

from data.shared_store.leases import LEASES_FOLDER, list_leases
from data.shared_store.needs import NEEDS_FOLDER, Needs, list_needs
from data.shared_store.news import NEWS_FOLDER
from data.shared_store.objects import ObjectStore, UnreadableRecord
from data.shared_store.packs import OBJECTS_FOLDER, DamagedObject, remove_damaged, unpack
from data.shared_store.progress import PROGRESS_FOLDER, list_progress
from data.shared_store.stages import SharedStage, forget_stage, list_stages, read_stage, stage_name
from data.shared_store.state import STATES_FOLDER, State, list_states
from data.workspace.digests import checksum_files
from data.workspace.reachability import references

WORK_FOLDERS = (LEASES_FOLDER, NEWS_FOLDER, PROGRESS_FOLDER)
"""Folders with what hosts write about work that is under way."""

LONGEST_SILENCE = timedelta(hours=1)
"""A host that wrote within this time may be at work, however little `days` spares."""


class Removed(NamedTuple):
    """What pruning removed, or would remove."""

    stages: tuple[tuple[str, str], ...]
    objects: int
    object_bytes: int
    kept: int
    """Stages that stay."""


def remove_damage(store: ObjectStore) -> Iterator[tuple[str, str]]:
    """Read everything in a store, remove what is damaged, and yield its name with the fault.

    A stage with a damaged object or record counts as missing afterwards. A copy of a workspace's state stays, without
    the object, which the next `push_state` of a host that has this copy writes again. A record of a state, or of what a
    host needs, stays even if it cannot be read: without it, pruning would take what only that record names.
    """
    for stage, key in list_stages(store):
        try:
            shared = read_stage(store, stage, key)
            fault = _find_fault(store, shared) if shared else ""
        except UnreadableRecord as error:
            fault = f"its record {error.fault}"
        if fault:
            forget_stage(store, stage, key)
            yield f"{stage}/{key}", fault
    for folder, kind in ((NEEDS_FOLDER, Needs), (STATES_FOLDER, State)):
        for name, _ in store.list(folder):
            yield from _check_kept(store, name, kind)


def prune_store(store: ObjectStore, days: float, dry_run: bool) -> Removed:
    """Remove the stages that no workspace needs, and then the objects that belong to none.

    What a workspace named, what a host writes now, what those were made from, and what is younger than `days` stays.

    Args:
        store: that the hosts share.
        days: age from which something may go; a host may be about to name what is younger. With 0, no host may push
            meanwhile; what was written in the last hour stays as long as any host holds a lease.
        dry_run: remove nothing.

    Raises:
        UnreadableRecord: of a stage, a state or what a host needs; nothing is removed, since it may need any object.
    """
    work = [name for folder in WORK_FOLDERS for name, _ in store.list(folder)]  # before what is young: none began since
    objects = dict(store.list(OBJECTS_FOLDER))  # before the stages: one that is finished meanwhile keeps its objects
    spared, began = timedelta(days=days), store.now()
    young = {name for name, _ in store.list("", younger=spared)}
    alive = young if spared >= LONGEST_SILENCE else {name for name, _ in store.list("", younger=LONGEST_SILENCE)}
    at_work = {PurePosixPath(name).name for name in work if name in alive and name.startswith(f"{LEASES_FOLDER}/")}
    ended = {name for name in work if name not in alive and PurePosixPath(name).name not in at_work}
    stages = {(stage, key): shared for stage, key in list_stages(store) if (shared := read_stage(store, stage, key))}
    kept = _reachable(stages, {*_needed(store, stages), *(name for name in stages if stage_name(*name) in young)})
    gone = sorted(set(stages) - kept)
    used = {name for place in kept for name in stages[place].packed.objects()}
    used |= {name for state in list_states(store) for name in state.packed.objects()}
    used |= {name for place, found in list_progress(store) if place not in ended for name in found.packed.objects()}
    unused = sorted(set(objects) - used - (alive if at_work else young))
    if not dry_run:
        for name in ended:  # left by hosts that are gone
            store.delete(name)
        for stage, key in gone:
            if not _is_used_again(store, stage_name(stage, key), began):
                forget_stage(store, stage, key)
        for name in unused:
            if not _is_used_again(store, name, began):
                store.delete(name)
    return Removed(tuple(gone), len(unused), sum(objects[name] for name in unused), len(kept))


def _is_used_again(store: ObjectStore, name: str, since: datetime) -> bool:
    """Tell whether a host wrote an object again meanwhile: with many objects, pruning takes minutes."""
    found = store.look(name)
    return found is not None and found.written > since


def _needed(store: ObjectStore, stages: Mapping[tuple[str, str], SharedStage]) -> Iterator[tuple[str, str]]:
    """Yield what workspaces need, what is written now, and what that is made from."""
    for needs in list_needs(store):
        yield from needs.stages
    leases = list(list_leases(store))
    yield from ((stage, key) for stage, key, _ in leases)
    read_now = {key for _, _, lease in leases for key in lease.inputs}
    yield from (place for place in stages if place[1] in read_now)


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


def _check_kept(store: ObjectStore, name: str, kind: type[Needs | State]) -> Iterator[tuple[str, str]]:
    """Yield the fault of a record that stays, and remove damaged objects that it names."""
    try:
        record = store.read_record(name, kind)
    except UnreadableRecord as error:
        yield name, f"{error.fault} and stays: use the release that wrote it, or delete it and push again"
        return
    if isinstance(record, State) and (faulty := remove_damaged(store, record.packed)):
        yield f"copy {record.number} of workspace {record.workspace}", _describe_objects(faulty)


def _find_fault(store: ObjectStore, shared: SharedStage) -> str:
    """Return what is wrong with a stage, "" if nothing is; its damaged objects are removed."""
    with TemporaryDirectory(prefix="emotion-verify-") as folder:
        try:
            unpack(store, shared.packed, Path(folder))
        except DamagedObject:  # it names the first one alone
            return _describe_objects(remove_damaged(store, shared.packed))
        found = checksum_files(Path(folder))
    differing = [name for name in {*found, *shared.record.files} if found.get(name) != shared.record.files.get(name)]
    return f"other files than its record says: {', '.join(sorted(differing)[:3])}" if differing else ""


def _describe_objects(names: set[str]) -> str:
    return f"missing, changed or damaged: {', '.join(sorted(names)[:3])}{' and more' if len(names) > 3 else ''}"
