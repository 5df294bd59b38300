"""The store as a tier behind a workspace: what a workspace lacks is fetched, what it finishes is pushed."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from data.base.errors import PipelineError
from data.shared_store.leases import HeldLease, take_lease
from data.shared_store.objects import FIRST_SECONDS, ObjectStore, StoreUnavailable
from data.shared_store.progress import drop_progress, load_progress, save_progress
from data.shared_store.stages import fetch_stage, has_stage, push_stage, touch_stage
from data.workspace.layout import FEATURES_STAGE, MARKER_STAGES
from data.workspace.stage_record import StageRecord
from data.workspace.tier import LeaseLost

logger = logging.getLogger(__name__)

KEPT_LOCALLY = (*MARKER_STAGES, FEATURES_STAGE)
"""Stages that no other host needs: what was done with a workspace's own MLflow, and features, which are so large that
they take less time to rebuild than to fetch."""

PROGRESS_SECONDS = 10.0
"""How long work stands still to save its progress while the store is out of reach."""

OUTAGE_SECONDS = 60.0
"""For so long an unreachable store is not asked again, where work goes on without it."""


class SharedTier:
    """A store that several workspaces share.

    Args:
        store: the objects.
        goes_on: whether work goes on locally while the store is out of reach; `emotion store push` gives it the rest
            later. Otherwise a `StoreUnavailable` ends the run.
    """

    def __init__(self, store: ObjectStore, goes_on: bool = False) -> None:
        self.store, self.goes_on = store, goes_on
        self._out_until = 0.0
        self._leases: dict[tuple[str, str], HeldLease] = {}

    def lacks(self, stage: str, key: str) -> bool:
        """Tell whether the other hosts have no such stage, see `data.workspace.tier.StageTier`."""
        with self._outage_borne() as reachable:
            if reachable and stage not in KEPT_LOCALLY:
                return not touch_stage(self.store, stage, key)
        return False

    def fetch(self, stage: str, key: str, directory: Path, make_room: Callable[[int], None]) -> StageRecord | None:
        """Write the files of a stage into an empty directory, see `data.workspace.tier.StageTier`."""
        with self._outage_borne() as reachable:
            if reachable and stage not in KEPT_LOCALLY:
                return fetch_stage(self.store, stage, key, directory, make_room)
        return None

    def push(self, directory: Path) -> None:
        """Give a finished stage to the other hosts, unless they have it."""
        stage, key = directory.parts[-2:]
        with self._outage_borne() as reachable:
            if not reachable or stage in KEPT_LOCALLY:
                return
            pushed = push_stage(self.store, directory)
            drop_progress(self.store, stage, key)
            if pushed.differing:
                names = ", ".join(pushed.differing[:5])
                logger.info("another host had finished %s/%s; other than here: %s", stage, key, names)

    @contextmanager
    def writing(self, stage: str, key: str, inputs: Iterable[str], give_up: Callable[[], bool]) -> Iterator[bool]:
        """Hold the lease on a stage; yield False if another host finished it meanwhile."""
        lease, is_mine = None, True
        with self._outage_borne() as reachable:
            if reachable and stage not in KEPT_LOCALLY:
                is_done = partial(has_stage, self.store, stage, key)
                lease = take_lease(self.store, stage, key, is_done, give_up, inputs=inputs)
                is_mine = lease is not None
        if lease:
            self._leases[stage, key] = lease
        try:
            yield is_mine
        finally:
            if lease:
                del self._leases[stage, key]
                with suppress(StoreUnavailable):  # then it expires
                    lease.release()

    def save_progress(self, stage: str, key: str, directory: Path, names: Sequence[str], step: int) -> None:
        """Save files of a working directory, from which another host can resume, see `data.shared_store.progress`."""
        lease = self._leases.get((stage, key))
        if lease and lease.is_lost:
            raise LeaseLost(f"got {stage}/{key}, which another host took over, expected to work on it alone")
        if lease is None:
            return
        try:
            save_progress(self.store.waiting(PROGRESS_SECONDS), stage, key, directory, names, step)
        except PipelineError as error:  # out of reach, or no access since a token expired: the work itself goes on
            logger.warning("another host could not resume %s/%s at step %d: %s", stage, key, step, error)

    def load_progress(self, stage: str, key: str, directory: Path, beyond: int) -> int:
        """Take over the files of another host that is further, see `data.workspace.tier.StageTier`."""
        with self._outage_borne() as reachable:
            if reachable:
                return load_progress(self.store, stage, key, directory, beyond)
        return 0

    @contextmanager
    def _outage_borne(self) -> Iterator[bool]:
        """Yield whether to ask the store; where work goes on without it, an outage inside is logged and borne."""
        if time.monotonic() < self._out_until:
            yield False
            return
        try:
            yield True
        except StoreUnavailable as error:
            if not self.goes_on:
                raise
            self._out_until = time.monotonic() + OUTAGE_SECONDS
            self.store = self.store.waiting(FIRST_SECONDS)  # else each stage would wait as long as this one
            logger.warning("%s. Work goes on without it; run `emotion store push` later", error)
