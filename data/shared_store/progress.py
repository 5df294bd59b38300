"""Progress of unfinished stages in the store, such as the checkpoints of trainings: another host resumes from it.

progress/STAGE/KEY.json | how far the work is, and where its files are
"""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from data.base.record import Record
from data.shared_store.objects import ObjectStore
from data.shared_store.packs import DamagedObject, Packed, pack, unpack
from data.workspace.digests import checksum_files

PROGRESS_FOLDER = "progress"


class Progress(Record):
    """How far the work on a stage is."""

    step: int
    """Grows with the work; for a training, its finished epochs."""
    packed: Packed


def save_progress(store: ObjectStore, stage: str, key: str, directory: Path, names: Iterable[str], step: int) -> None:
    """Write files of a working directory to the store, in place of an earlier step.

    Args:
        store: that the hosts share.
        stage: kind of content.
        key: key of the stage.
        directory: that has the files.
        names: of the files; those that do not exist are left out. They are replaced as a whole, if they change.
        step: how far the work is.
    """
    former = read_progress(store, stage, key)
    with TemporaryDirectory(prefix="emotion-progress-") as folder:
        for name in names:
            if (directory / name).exists():
                shutil.copyfile(directory / name, Path(folder) / name)  # the work goes on and replaces them meanwhile
        progress = Progress(step=step, packed=pack(store, Path(folder), checksum_files(Path(folder))))
    store.write(_name(stage, key), progress.model_dump_json().encode())
    for name in (former.packed.objects() if former else set[str]()) - progress.packed.objects():
        store.delete(name)


def load_progress(store: ObjectStore, stage: str, key: str, directory: Path, beyond: int = 0) -> int:
    """Put the files of the store into a working directory, in place of those that it has; return the step.

    Args:
        store: that the hosts share.
        stage: kind of content.
        key: key of the stage.
        directory: gets the files.
        beyond: step that is here already; without a further one in the store nothing changes, and 0 is returned. A
            damaged file counts as no progress.
    """
    progress = read_progress(store, stage, key)
    if progress is None or progress.step <= beyond:
        return 0
    with TemporaryDirectory(prefix="emotion-progress-") as folder:
        try:
            unpack(store, progress.packed, Path(folder))
        except DamagedObject:
            return 0
        for path in Path(folder).iterdir():
            shutil.move(path, directory / path.name)
    return progress.step


def read_progress(store: ObjectStore, stage: str, key: str) -> Progress | None:
    """Return how far the work on a stage is, or None if nothing of it is in the store."""
    content = store.read(_name(stage, key))
    try:
        return Progress.model_validate_json(content) if content else None
    except ValidationError:
        return None


def list_progress(store: ObjectStore) -> Iterator[tuple[str, Progress]]:
    """Yield the name of each object that says how far the work on a stage is, and its content."""
    for name, _ in store.list(PROGRESS_FOLDER):
        stage, file = name.split("/")[1:]
        if progress := read_progress(store, stage, file.removesuffix(".json")):
            yield name, progress


def drop_progress(store: ObjectStore, stage: str, key: str) -> None:
    """Remove the files of a stage that is finished now."""
    progress = read_progress(store, stage, key)
    if progress:
        store.delete(_name(stage, key))
        for name in progress.packed.objects():
            store.delete(name)


def _name(stage: str, key: str) -> str:
    return f"{PROGRESS_FOLDER}/{stage}/{key}.json"
