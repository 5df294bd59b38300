"""Journal of the champion's moves: who moved it, when, why, from which version and to which.

One JSON line is written before a move (`intent`) and one after it (`done`, or `undone` if it did not happen). Each line
is forced to the disk before anything else happens. Lines are only ever added.
"""

import logging
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import AfterValidator, Field, ValidationError

from data.base.record import Record
from data.workspace.atomic import sync_directory
from data.workspace.layout import REGISTRY_FOLDER

logger = logging.getLogger(__name__)

JOURNAL = Path(REGISTRY_FOLDER) / "moves.jsonl"
NO_VERSION = 0
"""Stands for a version if there was none."""


def _encodable(text: str) -> str:
    """Replace what UTF-8 cannot encode, such as half characters of a command line that is not UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


Text = Annotated[str, AfterValidator(_encodable)]


class ChampionMove(Record):
    """One move of the alias `champion`."""

    id: str = Field(
        default_factory=lambda: uuid4().hex, description="of the request; a repeated request has the same id"
    )
    registry: str = Field(description="id of the registry that it happened in")
    kind: Literal["promotion", "rollback", "outside"] = Field(
        description="outside: found afterwards, made from another workspace or on MLflow's own page"
    )
    by: Text = Field(description="who or what moved it")
    reason: Text
    source: int = Field(ge=0, description="version that was champion before; 0 if there was none")
    target: int = Field(ge=0, description="version that became champion; 0 if the champion was deleted")


class JournalEntry(Record):
    """One line of the journal."""

    event: Literal["intent", "done", "undone"]
    at: str = Field(description="ISO 8601, UTC")
    move: ChampionMove


class Journal:
    """Moves of a workspace.

    Args:
        path: the file; it is created with the first line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, event: Literal["intent", "done", "undone"], move: ChampionMove) -> JournalEntry:
        """Add a line and wait until it is on the disk; a kill leaves a complete line, or a torn one that is ignored."""
        entry = JournalEntry(event=event, at=datetime.now(UTC).isoformat(timespec="milliseconds"), move=move)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = entry.model_dump_json().encode() + b"\n"
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, b"\n" + line if torn else line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if not size:
            sync_directory(self.path.parent)
        return entry

    def entries(self, registry: str) -> list[JournalEntry]:
        """Read the lines of one registry, oldest first; a line that was torn by a kill is left out."""
        if not self.path.exists():
            return []
        # Not splitlines(): a reason may contain other line separators, such as U+2028, which JSON does not escape.
        lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n")
        entries = (_read_entry(line) for line in lines if line.strip())
        return [entry for entry in entries if entry and entry.move.registry == registry]

    def open_move(self, registry: str) -> ChampionMove | None:
        """Find the move that was started and is neither done nor undone."""
        entries = self.entries(registry)
        return entries[-1].move if entries and entries[-1].event == "intent" else None

    def done(self, registry: str) -> list[JournalEntry]:
        """Read the lines of the moves that happened, oldest first."""
        return [entry for entry in self.entries(registry) if entry.event == "done"]


def _read_entry(line: str) -> JournalEntry | None:
    try:
        return JournalEntry.model_validate_json(line)
    except ValidationError:
        logger.warning("a line of the journal of moves is torn and left out: %s", line[:80])
        return None


def champions_in_turn(moves: Iterable[ChampionMove]) -> list[int]:
    """List the champions that rollbacks go back through, the present one last.

    A promotion adds its version. A rollback removes the version that it leaves, so a second rollback goes one further
    back and does not return to that version.
    """
    row: list[int] = []
    for move in moves:
        if move.kind == "rollback" and move.target in row:
            row = cut_back(row, move.target)
        elif not row or row[-1] != move.target:
            row.append(move.target)
    return row


def cut_back(row: list[int], target: int) -> list[int]:
    """Remove the champions after the last time of this one."""
    return row[: len(row) - row[::-1].index(target)]


def champion_before(row: list[int]) -> int:
    """Find the version that a rollback goes to in a row of champions; 0 if there is none."""
    return next((version for version in reversed(row[:-1]) if version not in (NO_VERSION, row[-1])), NO_VERSION)


def move_rows(entries: Iterable[JournalEntry]) -> list[dict[str, Any]]:
    """Make a table row of each move, newest first; "none" stands for no version."""
    return [
        {
            "when (UTC)": entry.at[:19].replace("T", " "),
            "move": entry.move.kind,
            "from": entry.move.source or "none",
            "to": entry.move.target or "none",
            "by": entry.move.by,
            "reason": entry.move.reason,
        }
        for entry in reversed(list(entries))
    ]
