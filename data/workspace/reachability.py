"""Reachability of stages: those kept for a reason of their own, and all stages that they were made from.

A stage's record has the keys of the stages that it was made from among its inputs. Any 16 hex digits there that equal
the key of a stage count as a reference, whatever the field is called, so that stages of a later version are followed
too; a match by chance only keeps something that could be removed.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from data.base.record import Record
from data.base.times import parse_time
from data.records.dataset import Accepted
from data.records.search import SEARCH_NAME, SearchRecord
from data.workspace.in_use import read_stages_in_use
from data.workspace.layout import (
    ACCEPTED_FOLDER,
    AUDITS_STAGE,
    DATASETS_STAGE,
    EXPORTS_STAGE,
    FEATURES_STAGE,
    MARKER_STAGES,
    REPORTS_STAGE,
    SEARCHES_STAGE,
    VARIANTS_STAGE,
    VERDICTS_STAGE,
    VIEWS_STAGE,
)
from data.workspace.stage_record import KEY, RECORD_NAME, StageRecord, find_damage, list_records

logger = logging.getLogger(__name__)

FORMER_INPUT = "last"
"""Input of a comparison that names the former data set: only that one is read again, not what it was made from."""

DERIVED_STAGES = (FEATURES_STAGE, EXPORTS_STAGE)
"""Stages that can be rebuilt from others at any time, so they are not kept for being recent."""

DAY_SECONDS = 24 * 3600

CLOCK_SECONDS = 3600
"""Difference between clocks up to which a time in the future is believed."""

Reason = Literal[
    "in use",
    "latest report",
    "kept reports",
    "protected",
    "accepted data",
    "recent",
    "latest pages",
    "edited by hand",
    "other files inside",
    "behind a link",
]
"""Why something is kept, the most important reason first."""


class PrunePolicy(Record):
    """Rules for what is kept."""

    keep: int = Field(default=8, ge=1, le=10_000, description="newest reports that are kept with all behind them")
    days: float = Field(
        default=3,
        ge=0,
        le=3650,
        description="days for which trainings that were broken off, downloads, and stages that no report names yet, "
        "are kept",
    )
    protected: frozenset[str] = Field(
        default=frozenset(), description="keys of stages that are kept with all behind them, whatever their age"
    )


class Stored(NamedTuple):
    """A finished stage, as pruning needs it."""

    record: StageRecord
    path: Path
    used: float
    """Time at which the stage was last written or found, in seconds since the epoch."""

    @property
    def name(self) -> tuple[str, str]:
        """Stage and key."""
        return self.record.stage, self.record.key

    @property
    def is_linked(self) -> bool:
        """Whether its directory, or that of its kind, is a symbolic link: then this project must not remove it."""
        return self.path.is_symlink() or self.path.parent.is_symlink()


class Root(NamedTuple):
    """Stage that is kept for its own reason, and not because another stage was made from it."""

    key: str
    reason: Reason
    deep: bool = True
    """True if all stages from which it was made are kept too."""


def find_stages(root: Path) -> list[Stored]:
    """Return every finished stage of a workspace; see `data.workspace.stage_record.list_records` for what counts."""
    found = []
    for record, path in list_records(root):
        with suppress(FileNotFoundError):  # removed meanwhile
            found.append(Stored(record, path, (path / RECORD_NAME).stat().st_mtime))
    return found


def select_kept(stages: list[Stored], root: Path, policy: PrunePolicy) -> dict[tuple[str, str], Reason]:
    """Select the stages that are kept, each with its first reason.

    Args:
        stages: all stages of the workspace.
        root: of the workspace.
        policy: rules for what is kept.
    """
    by_key: dict[str, list[Stored]] = {}
    for stored in stages:
        by_key.setdefault(stored.record.key, []).append(stored)
    kept: dict[tuple[str, str], Reason] = {}
    expanded: set[tuple[str, str]] = set()
    for start in _find_roots(stages, by_key, root, policy):
        _follow(start, by_key, kept, expanded)
    return kept | _markers_of(stages, kept) | _features_of(stages, kept) | _exports_of(stages, kept)


def _follow(
    start: Root,
    by_key: Mapping[str, list[Stored]],
    kept: dict[tuple[str, str], Reason],
    expanded: set[tuple[str, str]],
) -> None:
    """Add a root to the kept stages and, if it is deep, all stages that it was made from."""
    pending = [(start.key, start.deep)]
    while pending:
        key, deep = pending.pop()
        for stored in by_key.get(key, ()):
            kept.setdefault(stored.name, start.reason)
            if deep and stored.name not in expanded:
                expanded.add(stored.name)
                pending += [(name, field != FORMER_INPUT) for field, name in references(stored.record.inputs)]


def references(inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what may be keys of other stages among the inputs of one, with the input that each stands in."""
    for field, value in inputs.items():
        for text in _texts(value):
            if KEY.fullmatch(text):
                yield field, text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from chain.from_iterable(map(_texts, value.values()))
    elif isinstance(value, list | tuple):
        yield from chain.from_iterable(map(_texts, value))


def _find_roots(
    stages: list[Stored], by_key: Mapping[str, list[Stored]], root: Path, policy: PrunePolicy
) -> Iterator[Root]:
    """Yield the stages kept for a reason of their own, the most important reason first."""
    held = read_stages_in_use(root)
    yield from (Root(stored.record.key, "in use") for stored in stages if stored.name in held)
    reports = _newest(stages, REPORTS_STAGE)
    yield from (Root(stored.record.key, "latest report") for stored in reports[:1])
    yield from (Root(stored.record.key, "kept reports") for stored in reports[1 : policy.keep])
    yield from _protected_roots(reports, policy.protected)
    yield from _accepted_roots(stages, root)
    yield from _recent_roots(stages, by_key, policy.days)
    yield from _page_roots(stages, policy.keep)
    yield from (
        Root(s.record.key, "edited by hand", False) for s in stages if s.record.stage == AUDITS_STAGE and is_edited(s)
    )
    yield from (Root(s.record.key, "behind a link") for s in stages if s.is_linked)


def _newest(stages: Iterable[Stored], stage: str) -> list[Stored]:
    """Return the stages of one kind, the last used first; a time in the future, from a wrong clock, comes last."""
    of_kind, soon = [stored for stored in stages if stored.record.stage == stage], time.time() + CLOCK_SECONDS
    return sorted(
        of_kind, key=lambda s: (s.used < soon, s.used, parse_time(s.record.created), s.record.key), reverse=True
    )


def _protected_roots(reports: list[Stored], protected: frozenset[str]) -> Iterator[Root]:
    """Yield the protected stages, and the newest report of each."""
    for key in sorted(protected):
        yield Root(key, "protected")
        of_key = [report for report in reports if key in {name for _, name in references(report.record.inputs)}]
        yield from (Root(report.record.key, "protected") for report in of_key[:1])


def _accepted_roots(stages: Iterable[Stored], root: Path) -> Iterator[Root]:
    """Yield the accepted data set of each source and the one before, with which it is compared again.

    If a record is damaged, any data set may be the accepted one: all of them stay until the next data set of the source
    is accepted, which writes the record again.
    """
    for path in sorted((root / ACCEPTED_FOLDER).glob("[!.]*.json")):
        try:
            accepted = Accepted.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            logger.warning("%s is damaged (%r): every data set stays until one of its source is accepted", path, error)
            yield from (Root(s.record.key, "accepted data") for s in stages if s.record.stage == DATASETS_STAGE)
        else:
            yield Root(accepted.key, "accepted data")
            yield Root(accepted.former, "accepted data", deep=False)


def _recent_roots(stages: list[Stored], by_key: Mapping[str, list[Stored]], days: float) -> Iterator[Root]:
    """Yield recent stages that no report names, for example of a failed run that may be resumed."""
    reported: dict[tuple[str, str], Reason] = {}
    expanded: set[tuple[str, str]] = set()
    for stored in stages:
        if stored.record.stage == REPORTS_STAGE:
            _follow(Root(stored.record.key, "recent"), by_key, reported, expanded)
    since = time.time() - days * DAY_SECONDS
    for stored in stages:
        if stored.name not in reported and stored.used > since and stored.record.stage not in DERIVED_STAGES:
            yield Root(stored.record.key, "recent")


def _page_roots(stages: list[Stored], keep: int) -> Iterator[Root]:
    """Yield the newest pages that no report contains, with what they link to."""
    for stored in _newest(stages, VERDICTS_STAGE)[:keep]:
        yield Root(stored.record.key, "latest pages", deep=False)
        yield Root(str(stored.record.inputs.get("dataset", "")), "latest pages", deep=False)
    for stored in _newest(stages, AUDITS_STAGE)[:keep]:
        yield Root(stored.record.key, "latest pages", deep=False)
    for stored in _newest(stages, SEARCHES_STAGE)[:keep]:
        yield Root(stored.record.key, "latest pages", deep=False)
        yield Root(_winning_training(stored.path), "latest pages")


def _winning_training(search: Path) -> str:
    """Return the key of a search's best training; empty if it has none or its format is not known."""
    try:
        winner = SearchRecord.model_validate_json((search / SEARCH_NAME).read_bytes()).winner
    except (OSError, ValidationError):
        return ""
    return winner.outcome.training if winner else ""


def is_edited(stored: Stored) -> bool:
    """Tell whether files of a stage differ from what was written: a person may have edited them."""
    return bool(find_damage(stored.path))


def _markers_of(stages: list[Stored], kept: Mapping[tuple[str, str], Reason]) -> dict[tuple[str, str], Reason]:
    """Keep the markers that something was done with a kept stage, so that it is not done a second time."""
    reasons: dict[str, Reason] = {key: reason for (_, key), reason in kept.items()}
    return {
        stored.name: reasons[key]
        for stored in stages
        if stored.record.stage in MARKER_STAGES and stored.name not in kept
        for _, key in references(stored.record.inputs)
        if key in reasons
    }


def _exports_of(stages: list[Stored], kept: Mapping[tuple[str, str], Reason]) -> dict[tuple[str, str], Reason]:
    """Keep the newest export of each kept training by each truth; older ones are of earlier versions of the project."""
    reasons: dict[str, Reason] = {key: reason for (stage, key), reason in kept.items() if stage == VARIANTS_STAGE}
    exports: dict[tuple[str, str], Reason] = {}
    served: set[tuple[str, Any]] = set()
    for stored in _newest(stages, EXPORTS_STAGE):
        training = next((key for _, key in references(stored.record.inputs) if key in reasons), "")
        judged = training, stored.record.inputs.get("truth")
        if training and judged not in served:
            served.add(judged)
            exports.update({} if stored.name in kept else {stored.name: reasons[training]})
    return exports


def _features_of(stages: list[Stored], kept: Mapping[tuple[str, str], Reason]) -> dict[tuple[str, str], Reason]:
    """Keep the features that the next run may need: of views that are in use, in the latest report, or recent.

    Features are by far the largest stages and can be rebuilt from any kept views; older ones are needed only to repeat
    an older run with another head.
    """
    wanted = {"in use", "latest report", "recent"}
    reasons: dict[str, Reason] = {
        digest: kept[stored.name]
        for stored in stages
        if stored.record.stage == VIEWS_STAGE and kept.get(stored.name) in wanted
        for _, digest in stored.record.files.values()
    }
    features = (stored for stored in stages if stored.record.stage == FEATURES_STAGE and stored.name not in kept)
    return {
        stored.name: reasons[digest]
        for stored in features
        for digest in stored.record.inputs["records"][:1]
        if digest in reasons
    }
