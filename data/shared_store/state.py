"""What a workspace has beside its stages, as numbered copies: champion and moves, MLflow, accepted data, reviews.

A second host gets the whole workspace by it. Only one host at a time may change it: a copy is written only if it
follows the one that this host read or wrote last, and replaces only a workspace that did not change since a copy that
it follows, so that no host overwrites what another one did. Copies know each other by random ids, since numbers start
again in another store; a copy of an earlier release has none, and is known by its number alone.

states/WORKSPACE/NUMBER.json | one copy: its files, see `data.shared_store.packs`
WORKSPACE/.shared_state.json | here: which copy the workspace had last
"""

import socket
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn
from uuid import uuid4

from pydantic import ValidationError

from data.base.errors import PipelineError
from data.base.record import Record
from data.shared_store.objects import ObjectStore
from data.shared_store.packs import Packed, pack, unpack
from data.shared_store.state_files import copy_state, put_mark, put_state
from data.shared_store.unused import is_unused
from data.workspace.atomic import write_atomically
from data.workspace.digests import checksum_files
from data.workspace.mark import MARK_NAME, Mark, claim_root, find_mark
from data.workspace.registry_lock import hold_registry

STATES_FOLDER = "states"

KEPT_COPIES = 5
"""Newest copies of a workspace that stay in the store."""

MOST_ANCESTORS = 1_000
"""Ids of former copies that a copy names: a host that missed more than these cannot pull into its workspace."""

LAST_NAME = ".shared_state.json"

Files = dict[str, tuple[int, str]]


class LastState(Record):
    """Which copy a workspace had last."""

    number: int
    files: Files
    id: str = ""
    """Random; "" for a copy of an earlier release."""
    ancestors: tuple[str, ...] = ()
    """Ids of the copies before it, its parent last."""
    pulling: bool = False
    """Whether its files are being put here: until that is finished, the workspace is a mixture of two copies."""


class State(Record):
    """One copy in the store."""

    workspace: str
    number: int
    host: str
    written: float
    """Seconds since the epoch, by the clock of that host; shown, and never compared."""
    files: Files
    packed: Packed
    id: str = ""
    """Random; "" for a copy of an earlier release."""
    ancestors: tuple[str, ...] = ()
    """Ids of the copies before it, also in a former store, its parent last."""

    def is_same(self, last: LastState) -> bool:
        """Tell whether this is the copy that a workspace had last."""
        return (self.number, self.id) == (last.number, last.id)

    def is_before(self, last: LastState) -> bool:
        """Tell whether a workspace had this copy and later ones, which were removed from the store since."""
        return bool(self.id) and self.id in last.ancestors

    def follows(self, last: LastState) -> bool:
        """Tell whether this copy has everything of the one that a workspace had last; without an id, by numbers."""
        return self.is_same(last) or (last.id in self.ancestors if last.id else last.number < self.number)


def push_state(store: ObjectStore, root: Path) -> int:
    """Write a copy of a workspace's state, unless the newest one is equal; return the number of the newest copy.

    A store that has no copy of the workspace gets the first one, whatever this workspace had from another store.

    Raises:
        PipelineError: the newest copy is not the one that this workspace had last, or a pull was broken off here.
    """
    workspace, last = claim_root(root).id, _read_last(root)
    _require_whole(root, last)
    newest = read_state(store, workspace)
    with TemporaryDirectory(prefix="emotion-state-") as folder:
        copy = Path(folder)
        with hold_registry(root):
            copy_state(root, copy)
        files = checksum_files(copy)
        if newest and files == newest.files:
            pack(store, copy, files)  # one of its objects may have been damaged
            _write_last(root, newest)
            return newest.number
        if newest and not (newest.is_same(last) or newest.is_before(last)):
            _refuse(store, workspace, newest.number)
        number = newest.number + 1 if newest else 1
        state = _make_state(workspace, number, last, files, pack(store, copy, files))
    if not store.create(_name(workspace, number), state.model_dump_json().encode()):
        _refuse(store, workspace, number)
    _write_last(root, state)
    _drop_old_copies(store, workspace, number)
    return number


def pull_state(store: ObjectStore, root: Path, workspace: str = "") -> State | None:
    """Bring the newest copy of a workspace's state to this host.

    Args:
        store: that the hosts share.
        root: of the workspace here; new, empty or unused, or one that has the same id.
        workspace: id of the workspace that is wanted; needed only if the store has several, and nothing is here.

    Returns:
        The copy, or None if this workspace has it already.

    Raises:
        PipelineError: the store has no copy, or several to choose from, or both hosts changed the state, or the copy
            does not follow the one that this workspace had last.
    """
    mark, last = find_mark(root), _read_last(root)
    state = _find_state(store, root, mark, workspace)
    if state.is_same(last) and not last.pulling:
        return None
    with TemporaryDirectory(prefix="emotion-state-") as folder:
        copy = Path(folder)
        unpack(store, state.packed, copy)
        with hold_registry(root) if mark else nullcontext():
            if mark and mark.id != state.workspace:
                _require_unused(store, root, mark.id)  # again: it may have been used while the copy was read
            elif mark:
                _require_replaceable(root, last, state)
            put_mark(copy, root)
            _write_last(root, state, pulling=True)  # if it is broken off, this pull may go on, and no push may follow
            put_state(copy, root)
            _write_last(root, state)
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
    return max(_list_numbers(store, workspace), default=0)


def _list_numbers(store: ObjectStore, workspace: str) -> list[int]:
    names = [Path(name).stem for name, _ in store.list(f"{STATES_FOLDER}/{workspace}")]
    return [int(name) for name in names if name.isdecimal()]


def _drop_old_copies(store: ObjectStore, workspace: str, newest: int) -> None:
    for number in _list_numbers(store, workspace):
        if number <= newest - KEPT_COPIES:
            store.delete(_name(workspace, number))


def _make_state(workspace: str, number: int, last: LastState, files: Files, packed: Packed) -> State:
    """Return the copy that follows the one that a workspace had last."""
    return State(
        workspace=workspace,
        number=number,
        host=socket.gethostname(),
        written=time.time(),
        files=files,
        packed=packed,
        id=uuid4().hex,
        ancestors=(*last.ancestors, last.id)[-MOST_ANCESTORS:] if last.id else (),
    )


def _find_state(store: ObjectStore, root: Path, mark: Mark | None, workspace: str) -> State:
    """Return the newest copy of the workspace that is here; if nothing was done here, of the one that is wanted."""
    if mark:
        if state := read_state(store, mark.id):
            return state
        _require_unused(store, root, mark.id)
    wanted = workspace or _only_workspace(store)
    state = read_state(store, wanted)
    if state is None:
        raise PipelineError(
            f"got no state of workspace {wanted} in {store.url}, which has {_name_workspaces(store)}: run `emotion "
            "store push` on its host, or name another by --workspace"
        )
    return state


def _require_unused(store: ObjectStore, root: Path, workspace: str) -> None:
    """Refuse a workspace of which the store has no state, and which no other one can replace."""
    if not is_unused(root):
        raise PipelineError(
            f"got no state of workspace {workspace}, which is in {root}; {store.url} has {_name_workspaces(store)}. "
            "Run `emotion store push` to give it this one; to get another, set EMOTION_WORKSPACE to a new directory, "
            "or move this one aside"
        )


def _list_workspaces(store: ObjectStore) -> list[str]:
    return sorted({name.split("/")[1] for name, _ in store.list(STATES_FOLDER)})


def _name_workspaces(store: ObjectStore) -> str:
    found = _list_workspaces(store)
    return f"the workspaces {', '.join(found)}" if found else "no workspace"


def _only_workspace(store: ObjectStore) -> str:
    found = _list_workspaces(store)
    if len(found) == 1:
        return found[0]
    listed = ", ".join(found) or "none"
    raise PipelineError(
        f"got {len(found)} workspaces in {store.url} ({listed}), expected one: name it by --workspace, or run "
        "`emotion store push` on the host that has it"
    )


def _refuse(store: ObjectStore, workspace: str, number: int) -> NoReturn:
    state = store.read_record(_name(workspace, number), State)
    host = state.host if state else "another host"
    raise PipelineError(
        f"got copy {number} of this workspace's state from host {host}, which this workspace did not have last, "
        "expected to follow it: run `emotion store pull` first"
    )


def _require_whole(root: Path, last: LastState) -> None:
    """Refuse a workspace that has only a part of a copy."""
    if last.pulling:
        raise PipelineError(
            f"got a part of copy {last.number} in {root}, whose pull was broken off, expected the whole copy: run "
            "`emotion store pull` again"
        )


def _require_replaceable(root: Path, last: LastState, state: State) -> None:
    """Refuse to replace a state that has something that a copy lacks."""
    if not last.pulling:
        with TemporaryDirectory(prefix="emotion-state-") as folder:
            copy_state(root, Path(folder))
            here = checksum_files(Path(folder))
        if here == state.files or (not last.number and set(here) == {MARK_NAME}) or is_unused(root):
            return
        if here != last.files:
            raise PipelineError(
                f"got a state that was changed here and on host {state.host} since copy {last.number}, expected "
                "one host at a time to promote and review: move this workspace aside and pull into a new one"
            )
    if not state.follows(last):
        raise PipelineError(
            f"got copy {state.number} of host {state.host}, which does not follow copy {last.number}, the last one of "
            f"{root}; expected it to, or a change of this workspace would be lost: move this workspace aside and pull "
            f"into a new one; if this one is right, delete {STATES_FOLDER}/{state.workspace} in the store and push"
        )


def _read_last(root: Path) -> LastState:
    try:
        return LastState.model_validate_json((root / LAST_NAME).read_bytes())
    except FileNotFoundError:
        return LastState(number=0, files={})
    except ValidationError as error:
        raise PipelineError(
            f"got {root / LAST_NAME} that cannot be read: delete it, and run the command again"
        ) from error


def _write_last(root: Path, state: State, pulling: bool = False) -> None:
    last = LastState(number=state.number, files=state.files, id=state.id, ancestors=state.ancestors, pulling=pulling)
    write_atomically(root / LAST_NAME, last.model_dump_json())
