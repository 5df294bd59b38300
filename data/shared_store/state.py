"""What a workspace has beside its stages, as numbered copies: champion and moves, MLflow, accepted data, reviews.

A second host gets the whole workspace by it. Only one host at a time may change it: a copy is written only if it
follows the one that this host read or wrote last, so that no host overwrites what another one did.

states/WORKSPACE/NUMBER.json | one copy: its files, see `data.shared_store.packs`
WORKSPACE/.shared_state.json | here: which copy the workspace had last
"""

import shutil
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from data.base.errors import PipelineError
from data.base.record import Record
from data.shared_store.objects import ObjectStore
from data.shared_store.packs import Packed, pack, unpack
from data.workspace.atomic import remove_via_rename, write_atomically
from data.workspace.digests import checksum_files
from data.workspace.layout import ACCEPTED_FOLDER, MLFLOW_FOLDER, REGISTRY_FOLDER, REVIEWS_FOLDER
from data.workspace.mark import MARK_NAME, claim_root, find_mark
from data.workspace.registry_lock import hold_registry

STATES_FOLDER = "states"

COPIED = (
    ACCEPTED_FOLDER,
    REGISTRY_FOLDER,
    REVIEWS_FOLDER,
    *(f"{MLFLOW_FOLDER}/{name}" for name in ("mlflow.db", "artifacts", "waiting")),
)
"""Files and folders of the state; what else MLflow has there are passwords."""

KEPT_COPIES = 5
"""Newest copies of a workspace that stay in the store."""

LAST_NAME = ".shared_state.json"

Files = dict[str, tuple[int, str]]


class State(Record):
    """One copy in the store."""

    workspace: str
    number: int
    host: str
    written: float
    """Seconds since the epoch, by the clock of that host; shown, and never compared."""
    files: Files
    packed: Packed


class LastState(Record):
    """Which copy a workspace had last."""

    number: int
    files: Files


def push_state(store: ObjectStore, root: Path) -> int:
    """Write a copy of a workspace's state, unless it did not change; return the number of the newest copy.

    Raises:
        PipelineError: another host wrote a copy that this workspace has not read.
    """
    workspace, last = claim_root(root).id, _read_last(root)
    newest = _newest_number(store, workspace)
    if newest > last.number:
        _refuse(store, workspace, newest)
    with TemporaryDirectory(prefix="emotion-state-") as folder:
        copy = Path(folder)
        with hold_registry(root):
            _copy_state(root, copy)
        files = checksum_files(copy)
        packed = pack(store, copy, files)  # of an unchanged state too: one of its objects may have been damaged
        if files == last.files and 0 < newest == last.number:  # not if the copy was removed
            return newest
        state = State(
            workspace=workspace,
            number=newest + 1,
            host=socket.gethostname(),
            written=time.time(),
            files=files,
            packed=packed,
        )
        if not store.create(_name(workspace, newest + 1), state.model_dump_json().encode()):
            _refuse(store, workspace, newest + 1)
    _write_last(root, LastState(number=newest + 1, files=files))
    for number in range(1, newest + 2 - KEPT_COPIES):
        store.delete(_name(workspace, number))
    return newest + 1


def pull_state(store: ObjectStore, root: Path, workspace: str = "") -> State | None:
    """Bring the newest copy of a workspace's state to this host.

    Args:
        store: that the hosts share.
        root: of the workspace here; new or empty, or one that has the same id.
        workspace: id of the workspace that is wanted; needed only if the store has several, and there is none here.

    Returns:
        The copy, or None if this workspace has it already.

    Raises:
        PipelineError: the store has no copy, or several to choose from, or both hosts changed the state.
    """
    mark, last = find_mark(root), _read_last(root)
    wanted = mark.id if mark else workspace or _only_workspace(store)
    state = read_state(store, wanted)
    if state is None:
        raise PipelineError(f"got no state of workspace {wanted} in {store.url}: run `emotion store push` on its host")
    if state.number == last.number:
        return None
    with TemporaryDirectory(prefix="emotion-state-") as folder:
        here, there = Path(folder, "here"), Path(folder, "there")
        here.mkdir()
        there.mkdir()
        unpack(store, state.packed, there)
        with hold_registry(root) if mark else nullcontext():
            _copy_state(root, here)
            if mark and checksum_files(here) != last.files:
                raise PipelineError(
                    f"got a state that was changed here and on host {state.host} since copy {last.number}, expected "
                    "one host at a time to promote and review: move this workspace aside and pull into a new one"
                )
            _put_state(there, root)
    _write_last(root, LastState(number=state.number, files=state.files))
    return state


def read_state(store: ObjectStore, workspace: str) -> State | None:
    """Return the newest copy of a workspace's state, or None if there is none."""
    number = _newest_number(store, workspace)
    return store.read_record(_name(workspace, number), State) if number else None


def list_states(store: ObjectStore) -> Iterator[State]:
    """Yield every copy of every workspace."""
    for name, _ in store.list(STATES_FOLDER):
        if state := store.read_record(name, State):
            yield state


def _name(workspace: str, number: int) -> str:
    return f"{STATES_FOLDER}/{workspace}/{number:08}.json"


def _newest_number(store: ObjectStore, workspace: str) -> int:
    names = [Path(name).stem for name, _ in store.list(f"{STATES_FOLDER}/{workspace}")]
    return max((int(name) for name in names if name.isdecimal()), default=0)


def _only_workspace(store: ObjectStore) -> str:
    found = sorted({name.split("/")[1] for name, _ in store.list(STATES_FOLDER)})
    if len(found) == 1:
        return found[0]
    listed = ", ".join(found) or "none"
    raise PipelineError(
        f"got {len(found)} workspaces in {store.url} ({listed}), expected one: name it by --workspace, or run "
        "`emotion store push` on the host that has it"
    )


def _refuse(store: ObjectStore, workspace: str, number: int) -> None:
    state = store.read_record(_name(workspace, number), State)
    host = state.host if state else "another host"
    raise PipelineError(
        f"got copy {number} of this workspace's state from host {host}, which is newer than what is here, expected to "
        "follow it: run `emotion store pull` first"
    )


def _copy_state(root: Path, copy: Path) -> None:
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


def _put_state(copy: Path, root: Path) -> None:
    """Put a copy in the place of the state; the mark goes first, since it makes the directory a workspace.

    A database keeps its file and gets another content. If the file were replaced, a process that has it open, such as
    MLflow's server, would continue with the former one.
    """
    root.mkdir(parents=True, exist_ok=True)
    write_atomically(root / MARK_NAME, (copy / MARK_NAME).read_text(encoding="utf-8"))
    claim_root(root)
    for name in COPIED:
        if (root / name).suffix == ".db" and (root / name).is_file() and (copy / name).is_file():
            _copy_database(copy / name, root / name)
            continue
        if (root / name).exists():
            remove_via_rename(root / name)
        if (copy / name).exists():
            (root / name).parent.mkdir(exist_ok=True)
            shutil.move(copy / name, root / name)


def _read_last(root: Path) -> LastState:
    try:
        return LastState.model_validate_json((root / LAST_NAME).read_bytes())
    except FileNotFoundError:
        return LastState(number=0, files={})
    except ValidationError as error:
        raise PipelineError(
            f"got {root / LAST_NAME} that cannot be read: delete it, and run the command again"
        ) from error


def _write_last(root: Path, last: LastState) -> None:
    write_atomically(root / LAST_NAME, last.model_dump_json())
