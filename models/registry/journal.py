"""The journal of the champion's moves: who moved it, when, why, from which version and to which.

One JSON line before a move (`intent`) and one after it (`done`, or `undone` where it did not come about), each forced
to the disk before anything else happens. Lines are only ever added.
"""

import json
import logging
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import uuid4

from pydantic import Field, ValidationError

from data.base.record import Record

logger = logging.getLogger(__name__)

JOURNAL = Path("registry") / "moves.jsonl"
NONE = 0
"""Stands for a version where there was none."""


class Move(Record):
    """One move of the alias `champion`."""

    id: str = Field(default_factory=lambda: uuid4().hex, description="of the request; asked for again, it is the same")
    registry: str = Field(description="id of the registry that it happened in")
    kind: Literal["promotion", "rollback", "outside"] = Field(
        description="outside: found afterwards, made by something that keeps no journal, such as MLflow's own page"
    )
    by: str = Field(description="who or what moved it")
    reason: str
    source: int = Field(ge=0, description="version that was champion before; 0 where none was")
    target: int = Field(ge=0, description="version that is champion since; 0 where the champion was deleted")


class Step(Record):
    """One line of the journal."""

    event: Literal["intent", "done", "undone"]
    at: str = Field(description="ISO 8601, UTC")
    move: Move


class Journal:
    """The moves of a workspace.

    Args:
        path: the file; made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, event: Literal["intent", "done", "undone"], move: Move) -> Step:
        """Add a line and return once it is on the disk; a kill leaves it whole, or torn and without effect."""
        step = Step(event=event, at=datetime.now(UTC).isoformat(timespec="milliseconds"), move=move)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = step.model_dump_json().encode() + b"\n"
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, b"\n" + line if torn else line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if not size:
            _force_directory(self.path.parent)
        return step

    def steps(self, registry: str) -> list[Step]:
        """Return the lines of one registry, oldest first; a torn one, of a kill in mid-write, is left out."""
        if not self.path.exists():
            return []
        steps = (_read_step(line) for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines())
        return [step for step in steps if step and step.move.registry == registry]

    def open_move(self, registry: str) -> Move | None:
        """Return the move that was begun and neither done nor undone, or None."""
        steps = self.steps(registry)
        return steps[-1].move if steps and steps[-1].event == "intent" else None

    def done(self, registry: str) -> list[Step]:
        """Return the lines of the moves that came about, oldest first."""
        return [step for step in self.steps(registry) if step.event == "done"]


def _read_step(line: str) -> Step | None:
    if not line.strip():
        return None
    try:
        return Step.model_validate(json.loads(line))
    except (ValueError, ValidationError):
        logger.warning("a line of the journal of moves is torn and left out: %s", line[:80])
        return None


def _force_directory(directory: Path) -> None:
    """Have the name of a new file on the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def champions_in_turn(moves: Iterable[Move]) -> list[int]:
    """Return the champions that a rollback walks back over, the present one last.

    A promotion adds one; a rollback takes away what it left, so that a second rollback goes further back, not forth.
    """
    row: list[int] = []
    for move in moves:
        if move.kind == "rollback" and move.target in row:
            last = len(row) - row[::-1].index(move.target)
            del row[last:]
        elif not row or row[-1] != move.target:
            row.append(move.target)
    return row


def champion_before(moves: Iterable[Move]) -> int:
    """Return the version that a rollback goes to, or 0 where there is none."""
    row = champions_in_turn(moves)
    return next((version for version in reversed(row[:-1]) if version not in (NONE, row[-1])), NONE)
