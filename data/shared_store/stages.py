"""Finished stages in the store. A stage counts once its record is there, and that is written last, once.

stages/STAGE/KEY/_complete.json | the record of the stage, and where its files are
objects/XX/SHA256               | the files, see `data.shared_store.packs`
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from data.base.record import Record
from data.shared_store.objects import ObjectStore
from data.shared_store.packs import DamagedObject, Packed, is_fresh, pack, remove_damaged, unpack
from data.workspace.atomic import RECORD_NAME
from data.workspace.digests import checksum_files
from data.workspace.stage_record import StageRecord, read_record

logger = logging.getLogger(__name__)

STAGES_FOLDER = "stages"


class SharedStage(Record):
    """What the store has of a finished stage."""

    record: StageRecord
    packed: Packed


class Pushed(NamedTuple):
    """What came of writing a stage to the store."""

    is_first: bool
    """False if another host had written it before."""
    differing: tuple[str, ...]
    """Files that are not the same there; logs and measured seconds always differ, and do no harm."""


def stage_name(stage: str, key: str) -> str:
    """Return the name of the object that says that a stage is complete."""
    return f"{STAGES_FOLDER}/{stage}/{key}/{RECORD_NAME}"


def has_stage(store: ObjectStore, stage: str, key: str) -> bool:
    """Tell whether the store has a finished stage."""
    return store.size(stage_name(stage, key)) is not None


def touch_stage(store: ObjectStore, stage: str, key: str) -> bool:
    """Tell whether the store has a finished stage, which counts as used now: pruning goes by the age of its record."""
    name = stage_name(stage, key)
    found = store.look(name)
    if found and not is_fresh(found) and (content := store.read(name)):
        store.write(name, content)
    return found is not None


def push_stage(store: ObjectStore, directory: Path) -> Pushed:
    """Write a finished stage into the store: its files first, its record last and only if there is none.

    Args:
        store: to write to.
        directory: of the stage, complete and undamaged.
    """
    record = read_record(directory)
    there = read_stage(store, record.stage, record.key)
    if there is None:
        shared = SharedStage(record=record, packed=pack(store, directory, record.files))
        if store.create(stage_name(record.stage, record.key), shared.model_dump_json().encode()):
            return Pushed(True, ())
        there = read_stage(store, record.stage, record.key)
    others = there.record.files if there else {}
    differing = sorted(file for file in {*record.files, *others} if record.files.get(file) != others.get(file))
    return Pushed(False, tuple(differing))


def fetch_stage(
    store: ObjectStore, stage: str, key: str, directory: Path, make_room: Callable[[int], None] = lambda _size: None
) -> StageRecord | None:
    """Write the files of a stage into an empty directory, without its record; return that, or None if there is none.

    A damaged stage counts as missing: its record and everything in it that is damaged are removed from the store, so
    that the next host that has the stage, or rebuilds it, can write it.

    Args:
        store: to read from.
        stage: kind of content.
        key: key of the stage.
        directory: empty.
        make_room: called with the bytes of the files before they are written; raises if there is no room for them.
    """
    shared = read_stage(store, stage, key)
    if shared is None:
        return None
    make_room(sum(size for size, _ in shared.record.files.values()))
    try:
        unpack(store, shared.packed, directory)
    except DamagedObject as error:
        logger.warning("%s: %s/%s is rebuilt", error, stage, key)
        forget_stage(store, stage, key)
        remove_damaged(store, shared.packed)
        return None
    if checksum_files(directory) != shared.record.files:
        logger.warning("got other files of %s/%s in the store than its record says: it is rebuilt", stage, key)
        forget_stage(store, stage, key)
        return None
    return shared.record


def read_stage(store: ObjectStore, stage: str, key: str) -> SharedStage | None:
    """Return what the store has of a stage, or None if it does not have it."""
    return store.read_record(stage_name(stage, key), SharedStage)


def list_stages(store: ObjectStore) -> Iterator[tuple[str, str]]:
    """Yield kind and key of each finished stage in the store."""
    for name, _ in store.list(STAGES_FOLDER):
        parts = name.split("/")
        if len(parts) == 4 and parts[3] == RECORD_NAME:
            yield parts[1], parts[2]


def forget_stage(store: ObjectStore, stage: str, key: str) -> None:
    """Remove the record of a stage, after which it counts as missing."""
    store.delete(stage_name(stage, key))
