"""Champion of the registry: move the alias `champion`, roll it back, and keep the record of its moves.

Consumers read the alias `champion` only, so moving it is the commit point of a promotion or a rollback. The journal
(`models.registry.journal`) records each move before and after: a move that was interrupted is completed, or marked as
undone, at the next start.
"""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import uuid4

from data.base.errors import PipelineError
from models.registry.connection import MODEL_NAME
from models.registry.journal import JOURNAL, NO_VERSION, ChampionMove, Journal, JournalEntry, champion_before
from models.registry.tags import FORMER_CHAMPION_TAGS, REGISTRY_TAG, REPORT_TAG, VARIANT_TAG
from models.registry.versions import CHALLENGER, CHAMPION, VersionStore

logger = logging.getLogger(__name__)


class ModelRegistry(VersionStore):
    """Versions of the model `emotion`, and the alias `champion`.

    Every method raises TransientError if MLflow is unreachable.

    Args:
        workspace: contains the journal, and the registry unless MLFLOW_TRACKING_URI names another one.
    """

    def __init__(self, workspace: Path) -> None:
        super().__init__(workspace)
        self.journal = Journal(self.workspace / JOURNAL)

    def previous(self) -> int:
        """Find the version that a rollback goes to; 0 if there is none."""
        return champion_before(entry.move for entry in self.history())

    def history(self) -> list[JournalEntry]:
        """List the moves that happened, oldest first."""
        with self._errors():
            registered = self._registered()
            return self.journal.done(registered.tags.get(REGISTRY_TAG, "")) if registered else []

    def rolled_back(self) -> frozenset[str]:
        """List the keys of variants that a rollback took out of use and that did not become champion since."""
        refused: set[int] = set()
        for entry in self.history():
            refused.discard(entry.move.target)
            if entry.move.kind == "rollback":
                refused.add(entry.move.source)
        return self._keys_of(refused, (VARIANT_TAG,))

    def protected_keys(self) -> frozenset[str]:
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
        self.journal.append("intent", move)
        self.client.set_registered_model_alias(MODEL_NAME, CHAMPION, str(version))
        self._complete(move)
        logger.info("champion moved from version %s to %s by %s: %s", move.source or "none", version, by, reason)
        return move

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
            recovered.append(self._complete(_outside_move(registry, known, champion)))
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
        since = {"since": now, "by": move.by, "reason": move.reason, "from": str(move.source), "move": move.id}
        self._tag(move.target, {f"emotion.champion.{name}": value for name, value in since.items()})
        self._tag(move.target, dict.fromkeys(FORMER_CHAMPION_TAGS, ""))  # of an earlier time as champion
        self._tag(move.source, dict(zip(FORMER_CHAMPION_TAGS, (now, str(move.target)), strict=True)))
        if self.challenger() == move.target != NO_VERSION:
            self.client.delete_registered_model_alias(MODEL_NAME, CHALLENGER)
        return self.journal.append("done", move)

    def _find_move(self, move_id: str) -> ChampionMove | None:
        """Find the move that an earlier try of this request made."""
        return next((entry.move for entry in self.history() if move_id and entry.move.id == move_id), None)

    def _keys_of(self, numbers: set[int], tags: tuple[str, ...]) -> frozenset[str]:
        """Collect these tags of the versions with these numbers."""
        versions = [version for version in self.list_versions() if version.version in numbers] if numbers else []
        return frozenset(version.tags[tag] for version in versions for tag in tags if tag in version.tags)


def _outside_move(registry: str, known: int, champion: int) -> ChampionMove:
    return ChampionMove(
        registry=registry,
        kind="outside",
        by="unknown",
        reason="found moved without a record, such as on MLflow's own page",
        source=known,
        target=champion,
    )
