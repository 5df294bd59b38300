"""What each workspace needs of the store: the stages behind its champion and its kept reports.

needs/WORKSPACE/HOST-DIRECTORY.json | written at the end of each run and by `emotion store push`; pruning reads all
needs/WORKSPACE/HOST.json           | of earlier releases, read as the others
WORKSPACE/.shared_needs.json        | here: the id of this directory, DIRECTORY above

Each directory of a workspace has an object of its own, because it may have fetched only a part of what another one has:
`emotion store pull` gives a second one the same workspace, on another host or on the same. The host is in the name
beside the id, since a directory that a person copies to another host has the id with it.
"""

import re
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import uuid4

from pydantic import ValidationError

from data.base.record import Record
from data.shared_store.objects import ObjectStore
from data.workspace.atomic import locked, write_atomically
from data.workspace.digests import hash_json

NEEDS_FOLDER = "needs"

DIRECTORY_NAME = ".shared_needs.json"


class DirectoryId(Record):
    """Random id of a workspace's directory; the workspace itself may have several."""

    id: str
    place: str
    """Digest of the path that the directory had: a copy on the same host has another one, and gets an id of its own."""


class Needs(Record):
    """Stages that one workspace needs."""

    workspace: str
    """Its id."""
    host: str
    stages: tuple[tuple[str, str], ...]
    """Kind and key of each."""


def directory_id(root: Path) -> str:
    """Return the id of a workspace's directory, which is made once and never leaves it.

    Args:
        root: of the workspace, resolved.
    """
    path = root / DIRECTORY_NAME
    with locked(path.with_suffix(".lock"), lambda: False):
        try:
            known = DirectoryId.model_validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError):  # with another id, what it needed as before stays too
            known = None
        place = hash_json(str(root))
        if known is None or known.place != place:
            known = DirectoryId(id=uuid4().hex, place=place)
            write_atomically(path, known.model_dump_json())
    return known.id


def write_needs(store: ObjectStore, workspace: str, stages: Iterable[tuple[str, str]], directory: str = "") -> None:
    """Replace what a workspace needs in one of its directories.

    Args:
        store: that the hosts share.
        workspace: id of the workspace.
        stages: kind and key of each stage.
        directory: its id, see `directory_id`; "" if the workspace has one directory a host, as in earlier releases.
    """
    needs = Needs(workspace=workspace, host=socket.gethostname(), stages=tuple(sorted(stages)))
    name = "-".join(part for part in (re.sub(r"[^A-Za-z0-9.-]", "-", needs.host), directory) if part)
    store.write(f"{NEEDS_FOLDER}/{workspace}/{name}.json", needs.model_dump_json().encode())


def list_needs(store: ObjectStore) -> Iterator[Needs]:
    """Yield what each workspace needs in each of its directories.

    Raises:
        UnreadableRecord: one cannot be read; nothing may be removed then.
    """
    yield from (needs for _, needs in list_named_needs(store))


def list_named_needs(store: ObjectStore) -> Iterator[tuple[str, Needs]]:
    """Yield the name of each object with what it says, see `list_needs`."""
    for name, _ in store.list(NEEDS_FOLDER):
        if needs := store.read_record(name, Needs):
            yield name, needs
