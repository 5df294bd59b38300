"""Leases between hosts: who writes a stage holds one, so that others wait instead of doing the same work.

A lease is an object that its holder changes every few seconds. Another host takes it over when it has seen the same
content for `LeaseTimes.expires` by its own clock, which only runs forward: the clocks of hosts may differ. If two hold
a lease after all, for example because one was cut off from the network, the first record of the stage counts.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple
from uuid import uuid4

from pydantic import ValidationError

from data.base.errors import PipelineError
from data.base.record import Record
from data.shared_store.objects import ObjectStore

logger = logging.getLogger(__name__)

LEASES_FOLDER = "leases"


class LeaseTimes(NamedTuple):
    """When a lease is renewed, looked at, and taken over, in seconds."""

    beat: float = 10.0
    """How often its holder changes it."""
    expires: float = 60.0
    """After so long without a change it is taken over."""
    look: float = 5.0
    """How often one that waits looks at it."""


class Lease(Record):
    """Content of the object."""

    host: str
    process: int
    holder: str
    """Random, of this one attempt to write."""
    beat: int
    """Changes, so that each content differs from the one before."""
    inputs: tuple[str, ...] = ()
    """Keys of the stages that the work reads: pruning keeps them."""


class HeldLease:
    """A lease that this process holds and renews, until it is released.

    Args:
        store: with the lease.
        name: of the object.
        lease: its content.
        tag: of the object.
        beat_seconds: time between two changes.
    """

    def __init__(self, store: ObjectStore, name: str, lease: Lease, tag: str, beat_seconds: float) -> None:
        self.store, self.name, self.lease, self.tag = store.waiting(beat_seconds), name, lease, tag
        self.is_lost = False
        self._beat_seconds, self._ended = beat_seconds, threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease {name}", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Stop renewing it, and remove it unless another host took it over."""
        self._ended.set()
        self._thread.join()
        if not self.is_lost:
            _, tag = self.store.read_tagged(self.name)
            if tag == self.tag:
                self.store.delete(self.name)

    def _renew(self) -> None:
        is_late = False
        while not self._ended.wait(self._beat_seconds):
            lease = self.lease.model_copy(update={"beat": self.lease.beat + 1})
            try:
                tag = self.store.replace(self.name, lease.model_dump_json().encode(), self.tag)
            except PipelineError as error:
                if not is_late:  # once for each outage
                    logger.warning(
                        "the lease %s could not be renewed, another host may take it over: %s", self.name, error
                    )
                is_late = True
                continue
            is_late = False
            if not tag:
                self.is_lost = True
                logger.warning(
                    "another host took %s over, because this one was out of reach: a training stops here after its "
                    "epoch, other work goes on, and the first result counts",
                    self.name,
                )
                return
            self.lease, self.tag = lease, tag


def take_lease(
    store: ObjectStore,
    stage: str,
    key: str,
    is_done: Callable[[], bool],
    give_up: Callable[[], bool],
    times: LeaseTimes = LeaseTimes(),
    inputs: Iterable[str] = (),
) -> HeldLease | None:
    """Take the lease on a stage, once no other host has it; None if another host finished the stage meanwhile.

    Args:
        store: that the hosts share.
        stage: kind of content.
        key: key of the stage.
        is_done: tells whether the store has the finished stage.
        give_up: called repeatedly while another host holds it; True ends the wait.
        times: when it is renewed and taken over.
        inputs: keys of the stages that the work reads.

    Raises:
        PipelineError: `give_up` ended the wait, or the store is out of reach.
    """
    name = _name(stage, key)
    mine = Lease(
        host=socket.gethostname(), process=os.getpid(), holder=uuid4().hex, beat=0, inputs=tuple(sorted(set(inputs)))
    )
    tag = store.create(name, mine.model_dump_json().encode()) or _wait_for_lease(store, name, mine, give_up, times)
    held = HeldLease(store, name, mine, tag, times.beat)
    try:
        done = is_done()  # by the holder before, while this one came
    except BaseException:
        with suppress(PipelineError):  # then it expires
            held.release()
        raise
    if done:
        held.release()
        return None
    return held


def _wait_for_lease(store: ObjectStore, name: str, mine: Lease, give_up: Callable[[], bool], times: LeaseTimes) -> str:
    """Wait until the lease is free or expired, and return its tag once it is this process's."""
    content, seen, since, told = mine.model_dump_json().encode(), "", time.monotonic(), False
    while not give_up():
        asked = time.monotonic()
        found, tag = store.read_tagged(name)
        store_was_away = time.monotonic() - asked > times.beat  # for the holder too, who could not renew it
        holder = _describe_holder(found)
        if found and not told:
            logger.info("waiting for %s, which writes %s", holder, name)
            told = True
        if found is None and (taken := store.create(name, content)):
            return taken
        if tag != seen or store_was_away:
            seen, since = tag, time.monotonic()
        elif found and time.monotonic() - since >= times.expires and (taken := store.replace(name, content, tag)):
            logger.warning("took %s over from %s, which did not renew it", name, holder)
            return taken
        time.sleep(times.look)
    raise PipelineError(f"got no lease {name}, which another host holds, before this run ended: run again after it")


def _describe_holder(content: bytes | None) -> str:
    lease = _read(content)
    return f"host {lease.host}, process {lease.process}" if lease else "an unknown host"


def break_lease(store: ObjectStore, stage: str, key: str, host: str, process: int) -> None:
    """Remove the lease of a process that is known to be gone, so that nobody waits until it expires.

    Args:
        store: that the hosts share.
        stage: kind of content.
        key: key of the stage.
        host: of the process.
        process: its number there; a lease of another one stays.
    """
    name = _name(stage, key)
    lease = _read(store.read(name))
    if lease and (lease.host, lease.process) == (host, process):
        store.delete(name)


def list_leases(store: ObjectStore) -> Iterator[tuple[str, str, Lease]]:
    """Yield kind, key and lease of each stage that a host writes, or wrote before it ended without releasing it."""
    for name, _ in store.list(LEASES_FOLDER):
        lease = _read(store.read(name))
        if lease:
            _, stage, file = name.split("/")
            yield stage, file.removesuffix(".json"), lease


def _name(stage: str, key: str) -> str:
    return f"{LEASES_FOLDER}/{stage}/{key}.json"


def _read(content: bytes | None) -> Lease | None:
    try:
        return Lease.model_validate_json(content) if content else None
    except ValidationError:
        return None
