"""Whole workspaces to and from a store: what a host gives, and what a fresh host needs."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from data.shared_store.needs import directory_id, list_needs, write_needs
from data.shared_store.objects import ObjectStore, UnreadableRecord
from data.shared_store.stages import list_stages, push_stage, read_stage
from data.shared_store.tier import KEPT_LOCALLY
from data.workspace.layout import (
    AUDITS_STAGE,
    DECISIONS_STAGE,
    EXPORTS_STAGE,
    REPORTS_STAGE,
    VARIANTS_STAGE,
    VERDICTS_STAGE,
)
from data.workspace.reachability import PrunePolicy, find_stages, select_kept
from data.workspace.stage_record import find_damage
from data.workspace.store import Workspace

logger = logging.getLogger(__name__)

SHOWN_STAGES = (REPORTS_STAGE, VERDICTS_STAGE, AUDITS_STAGE, VARIANTS_STAGE, DECISIONS_STAGE, EXPORTS_STAGE)
"""Stages by which a host shows reports, answers on photos, and moves the champion: neither images nor views."""

Told = Callable[[str, str], None]


class Pulled(NamedTuple):
    """What came of fetching what a workspace needs."""

    count: int
    """Stages that came."""
    missing: tuple[tuple[str, str], ...]
    """Kind and key of each that is neither here nor, undamaged, in the store."""


def push_missing(store: ObjectStore, workspace: Workspace, tell: Told) -> int:
    """Give the store every finished stage that it lacks; return how many.

    Args:
        store: that the hosts share.
        workspace: of this host.
        tell: called with kind and key of each stage before it is written.
    """
    there, count = set(list_stages(store)), 0
    for stored in find_stages(workspace.root):
        stage, key = stored.name
        if stage in KEPT_LOCALLY or stored.name in there:
            continue
        if damage := find_damage(stored.path, contents=True):
            logger.warning("%s stays here: %s", stored.path, damage)
            continue
        tell(stage, key)
        count += push_stage(store, stored.path).is_first
    return count


def tell_needs(store: ObjectStore, workspace: Workspace, policy: PrunePolicy) -> None:
    """Tell the store which stages this workspace needs: those that pruning it by this policy would keep."""
    kept = select_kept(find_stages(workspace.root), workspace.root, policy)
    shared = [place for place in kept if place[0] not in KEPT_LOCALLY]
    write_needs(store, workspace.id, shared, directory_id(workspace.root))


def pull_needed(store: ObjectStore, workspace: Workspace, kinds: Iterable[str] | None, tell: Told) -> Pulled:
    """Fetch what the workspace needs, as its hosts told. A missing or damaged stage does not keep the others away.

    Args:
        store: that the hosts share.
        workspace: of this host, with the store as its tier.
        kinds: of stages that are fetched; None for all.
        tell: called with kind and key of each stage before it is fetched.
    """
    count, missing = 0, []
    for stage, key in sorted(set(_needed(store, workspace.id, kinds))):
        if workspace.find(stage, key):
            continue
        if _is_readable(store, stage, key):
            tell(stage, key)
            if workspace.look_up(stage, key):
                count += 1
                continue
        missing.append((stage, key))
    return Pulled(count, tuple(missing))


def _is_readable(store: ObjectStore, stage: str, key: str) -> bool:
    """Tell whether the store has a stage, with a record that can be read."""
    try:
        return read_stage(store, stage, key) is not None
    except UnreadableRecord as error:
        logger.warning("%s", error)
        return False


def _needed(store: ObjectStore, workspace: str, kinds: Iterable[str] | None) -> Iterator[tuple[str, str]]:
    chosen = None if kinds is None else set(kinds)
    for needs in list_needs(store):
        if needs.workspace == workspace:
            yield from (place for place in needs.stages if chosen is None or place[0] in chosen)
