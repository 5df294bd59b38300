"""Champion of the registry: move the alias `champion`, roll it back, and keep the record of its moves.

Consumers read the alias `champion` only, so moving it is the commit point of a promotion or a rollback. The journal
(`models.registry.journal`) records each move before and after: a move that was interrupted is completed, or marked as
undone, at the next start.

Several workspaces may use one registry, and each has its own journal. So the registry itself says where a rollback
goes: a tag of the registered model has the row of champions. A rollback shortens the row before it moves the alias, and
every other move makes it longer afterwards; a reader adds the present champion if it is not the last. So a kill between
the two calls never makes a rollback go forward, whichever workspace asks next.
"""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import uuid4

from data.base.errors import PipelineError
from models.registry.connection import MODEL_NAME, store_exists
from models.registry.journal import (
    JOURNAL,
    NO_VERSION,
    ChampionMove,
    Journal,
    JournalEntry,
    champion_before,
    champions_in_turn,
    cut_back,
)
from models.registry.tags import (
    CHAMPION_TAGS,
    CHAMPIONS_TAG,
    FORMER_CHAMPION_TAGS,
    REGISTRY_TAG,
    REPORT_TAG,
    ROLLED_BACK_TAG,
    VARIANT_TAG,
)
from models.registry.versions import CHALLENGER, CHAMPION, VersionRecord, VersionStore

logger = logging.getLogger(__name__)

MOVE_TAG = f"{CHAMPION_TAGS}move"
"""Tag of a version: id of the move that made it champion last."""

ROW_LENGTH = 200
"""Champions in the tag of the registry, at most: MLflow limits the length of a tag."""


class ModelRegistry(VersionStore):
    """Versions of a registered model, and the alias `champion`.

    Every method raises TransientError if MLflow is unreachable.

    Args:
        workspace: contains the journal, and the registry unless MLFLOW_TRACKING_URI names another one.
        model: name of the registered model, see `models.registry.model_names`.
    """

    def __init__(self, workspace: Path, model: str = MODEL_NAME) -> None:
        super().__init__(workspace, model)
        self.journal = Journal(self.workspace / JOURNAL)

    def previous(self) -> int:
        """Find the version that a rollback goes to; 0 if there is none."""
        with self._errors():
            return champion_before(self._row())

    def history(self) -> list[JournalEntry]:
        """List the moves that happened, oldest first."""
        with self._errors():
            registered = self._registered()
            return self.journal.done(registered.tags.get(REGISTRY_TAG, "")) if registered else []

    def rolled_back(self) -> frozenset[str]:
        """List the keys of variants that a rollback took out of use and that did not become champion since.

        The tags of the versions say so, whichever workspace rolled back. For rollbacks of earlier versions of this
        project, which set no such tag, the journal of this workspace does.
        """
        refused: set[int] = set()
        for entry in self.history():
            refused.discard(entry.move.target)
            if entry.move.kind == "rollback":
                refused.add(entry.move.source)
        for version in self.list_versions():
            if ROLLED_BACK_TAG in version.tags:
                change = refused.add if version.tags[ROLLED_BACK_TAG] else refused.discard
                change(version.version)
        return self._keys_of(refused, (VARIANT_TAG,))

    def protected_keys(self) -> frozenset[str]:
        """List the keys in the workspace behind what serves or waits, in the models of all formats.

        Without an MLflow there are none, and none is created: pruning has to work on a full disk.
        """
        if not store_exists(self.workspace):
            return frozenset()
        models = (ModelRegistry(self.workspace, name) for name in self.list_models())
        return frozenset().union(*(model.serving_keys() for model in models))

    def serving_keys(self) -> frozenset[str]:
        """List the keys in the workspace behind the champion, its predecessor and a challenger that waits."""
        serving = {self.champion(), self.previous(), self.challenger()} - {NO_VERSION}
        return self._keys_of(serving, (VARIANT_TAG, REPORT_TAG))

    def move_champion(self, version: int, by: str, reason: str, move_id: str = "") -> ChampionMove | None:
        """Set the alias `champion` to this version.

        Args:
            version: the new champion.
            by: who or what moves it.
            reason: why.
            move_id: id of the request; if a request is repeated, nothing moves again.

        Returns:
            The move, or None if this version is the champion already.

        Raises:
            PipelineError: the version does not exist, or another move is under way.
        """
        with self._errors(), self._exclusive():
            self._recover()
            earlier = self._find_move(move_id)
            if earlier:
                return earlier
            self.show(version)
            if self.champion() == version:
                return None
            return self._move("promotion", version, by, reason, move_id)

    def rollback(self, by: str, reason: str, move_id: str = "") -> ChampionMove:
        """Set the alias `champion` to the version that was champion before; a second rollback goes further back.

        If a rollback was interrupted, complete that one and do not roll back a second time.

        Raises:
            PipelineError: there is no earlier champion, it was deleted, or another move is under way.
        """
        with self._errors(), self._exclusive():
            finished = [e.move for e in self._recover() if e.event == "done" and e.move.kind == "rollback"]
            earlier = finished[-1] if finished else self._find_move(move_id)
            if earlier:
                return earlier
            version = self.previous()
            if version == NO_VERSION:
                raise PipelineError(
                    "got no earlier champion to go back to: only a second champion has one; choose a version with "
                    "emotion models promote VERSION"
                )
            if version not in {one.version for one in self.list_versions()}:
                raise PipelineError(
                    f"got version {version} as the champion before this one, but it was deleted: choose another with "
                    "emotion models promote VERSION"
                )
            return self._move("rollback", version, by, reason, move_id)

    def recover_interrupted_moves(self) -> list[JournalEntry]:
        """Complete the record of a move that was interrupted, and add a move that was made outside the journal.

        Returns:
            The entries added to the journal, oldest first.
        """
        with self._errors(), self._exclusive():
            return self._recover()

    def _move(
        self, kind: Literal["promotion", "rollback"], version: int, by: str, reason: str, move_id: str
    ) -> ChampionMove:
        move = ChampionMove(
            id=move_id or uuid4().hex,
            registry=self._ensure_registered(),
            kind=kind,
            by=by,
            reason=reason,
            source=self.champion(),
            target=version,
        )
        row = self._row()
        self.journal.append("intent", move)
        self._require_unmoved(move)
        self._set_row(cut_back(row, version) if kind == "rollback" else row)
        self.client.set_registered_model_alias(self.model, CHAMPION, str(version))
        self._complete(move)
        logger.info("champion moved from version %s to %s by %s: %s", move.source or "none", version, by, reason)
        return move

    def _require_unmoved(self, move: ChampionMove) -> None:
        """Check that no other workspace moved the champion since this move was planned.

        Raises:
            PipelineError: another one did; the move is undone.
        """
        champion = self.champion()
        if champion != move.source:
            self.journal.append("undone", move)
            raise PipelineError(
                f"got version {champion or 'none'} as champion, expected {move.source or 'none'}: another workspace "
                "moved it in this moment; look at emotion models list, then try again"
            )

    def _row(self) -> list[int]:
        """List the champions that rollbacks go back through, the present one last, as the registry knows them."""
        registered = self._registered()
        if registered is None:
            return []
        row = _parse_row(registered.tags.get(CHAMPIONS_TAG, ""))
        if row is None:  # a registry of an earlier version
            row = champions_in_turn(entry.move for entry in self.history())
        champion = int(registered.aliases.get(CHAMPION, NO_VERSION))
        return row if champion == (row[-1] if row else NO_VERSION) else [*row, champion]

    def _set_row(self, row: list[int]) -> None:
        self.client.set_registered_model_tag(self.model, CHAMPIONS_TAG, json.dumps(row[-ROW_LENGTH:]))

    def _recover(self) -> list[JournalEntry]:
        if self._registered() is None:
            return []
        registry, champion = self._ensure_registered(), self.champion()
        recovered: list[JournalEntry] = []
        started = self.journal.open_move(registry)
        if started:
            moved = champion == started.target
            recovered.append(self._complete(started) if moved else self.journal.append("undone", started))
        done = self.journal.done(registry)
        known = done[-1].move.target if done else NO_VERSION
        if champion != known:
            recovered.append(self._record_outside(registry, known, champion))
        for entry in recovered:
            logger.warning(
                "move of champion from version %s to %s (%s): %s",
                entry.move.source or "none",
                entry.move.target or "none",
                entry.move.kind,
                entry.event,
            )
        return recovered

    def _complete(self, move: ChampionMove) -> JournalEntry:
        """Do what follows the move of the alias, and close the record; every step may be repeated."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        since = {"since": now, "by": move.by, "reason": move.reason, "from": str(move.source), "kind": move.kind}
        self._tag(move.target, {f"{CHAMPION_TAGS}{name}": value for name, value in since.items()})
        self._tag(move.target, dict.fromkeys((*FORMER_CHAMPION_TAGS, ROLLED_BACK_TAG), ""))  # of an earlier time
        self._tag(move.target, {MOVE_TAG: move.id})  # last: it says that the other tags are those of this move
        self._tag(move.source, dict(zip(FORMER_CHAMPION_TAGS, (now, str(move.target)), strict=True)))
        if move.kind == "rollback":
            self._tag(move.source, {ROLLED_BACK_TAG: now})
        self._set_row(self._row())
        if self.challenger() == move.target != NO_VERSION:
            self.client.delete_registered_model_alias(self.model, CHALLENGER)
        return self.journal.append("done", move)

    def _find_move(self, move_id: str) -> ChampionMove | None:
        """Find the move that an earlier try of this request made, in the journal or else on the versions."""
        if not move_id:
            return None
        recorded = next((entry.move for entry in self.history() if entry.move.id == move_id), None)
        tagged = (version for version in self.list_versions() if version.tags.get(MOVE_TAG) == move_id)
        return recorded or next((_tagged_move(self._ensure_registered(), version) for version in tagged), None)

    def _record_outside(self, registry: str, known: int, champion: int) -> JournalEntry:
        """Add a move to the journal that was not made from this workspace.

        If another workspace made it, its tags are on the version and stay as they are.
        """
        version = next((one for one in self.list_versions() if one.version == champion), None)
        if version and version.tags.get(MOVE_TAG) and not version.tags.get(FORMER_CHAMPION_TAGS[0]):
            made = _tagged_move(registry, version)
            return self.journal.append("done", made.model_copy(update={"kind": "outside", "source": known}))
        return self._complete(_outside_move(registry, known, champion))

    def _keys_of(self, numbers: set[int], tags: tuple[str, ...]) -> frozenset[str]:
        """Collect these tags of the versions with these numbers."""
        versions = [version for version in self.list_versions() if version.version in numbers] if numbers else []
        return frozenset(version.tags[tag] for version in versions for tag in tags if tag in version.tags)


def _parse_row(text: str) -> list[int] | None:
    """Read the row of champions from its tag; None if there is none that can be read."""
    try:
        row = json.loads(text)
    except ValueError:
        return None
    return row if isinstance(row, list) and all(type(version) is int for version in row) else None


def _tagged_move(registry: str, version: VersionRecord) -> ChampionMove:
    """Read the last move to a version from the version's tags."""
    tags = version.tags
    source, kind = tags.get(f"{CHAMPION_TAGS}from", ""), tags.get(f"{CHAMPION_TAGS}kind")
    return ChampionMove(
        id=tags[MOVE_TAG],
        registry=registry,
        kind="rollback" if kind == "rollback" else "promotion",
        by=tags.get(f"{CHAMPION_TAGS}by", ""),
        reason=tags.get(f"{CHAMPION_TAGS}reason", ""),
        source=int(source) if source.isdecimal() else NO_VERSION,
        target=version.version,
    )


def _outside_move(registry: str, known: int, champion: int) -> ChampionMove:
    return ChampionMove(
        registry=registry,
        kind="outside",
        by="unknown",
        reason="found moved without a record, such as on MLflow's own page",
        source=known,
        target=champion,
    )
