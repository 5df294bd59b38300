"""What each workspace needs of the store: the stages behind its champion and its kept reports.

needs/WORKSPACE/HOST.json | written at the end of each run and by `emotion store push`; pruning the store reads all

Each host of a workspace has a file of its own, because it may have fetched only a part of what another one has.
"""

import re
import socket
from collections.abc import Iterable, Iterator

from data.base.record import Record
from data.shared_store.objects import ObjectStore

NEEDS_FOLDER = "needs"


class Needs(Record):
    """Stages that one workspace needs."""

    workspace: str
    """Its id."""
    host: str
    stages: tuple[tuple[str, str], ...]
    """Kind and key of each."""


def write_needs(store: ObjectStore, workspace: str, stages: Iterable[tuple[str, str]]) -> None:
    """Replace what a workspace needs on this host.

    Args:
        store: that the hosts share.
        workspace: id of the workspace.
        stages: kind and key of each stage.
    """
    needs = Needs(workspace=workspace, host=socket.gethostname(), stages=tuple(sorted(stages)))
    host = re.sub(r"[^A-Za-z0-9.-]", "-", needs.host)
    store.write(f"{NEEDS_FOLDER}/{workspace}/{host}.json", needs.model_dump_json().encode())


def list_needs(store: ObjectStore) -> Iterator[Needs]:
    """Yield what each workspace needs on each of its hosts.

    Raises:
        UnreadableRecord: one cannot be read; nothing may be removed then.
    """
    for name, _ in store.list(NEEDS_FOLDER):
        if needs := store.read_record(name, Needs):
            yield needs
