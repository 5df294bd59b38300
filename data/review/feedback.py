"""Feedback on the champion: faces whose answer a user called wrong, with the answer that the user gave instead.

Only where it was switched on. The folder has a bound on its pictures and bytes, since anybody who may ask the champion
can add to it.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from data.base.errors import PipelineError
from data.base.record import Record
from data.review.answer import Digest, Share
from data.review.answer_log import append_lines
from data.review.pictures import encode_png, hash_pixels
from data.review.reviewers import reviews_folder
from data.workspace.atomic import sync_directory

FOLDER = "feedback"
LINES_NAME = "feedback.jsonl"
PRIVATE, PRIVATE_FOLDER = 0o600, 0o700


class FeedbackFull(PipelineError):
    """Report that no more feedback is stored."""


class FeedbackLimits(Record):
    """How much feedback a workspace stores."""

    pictures: int = Field(default=2_000, ge=1, le=1_000_000, description="pictures, and answers on them")
    total_bytes: int = Field(default=64 << 20, ge=1 << 16, le=1 << 40, description="bytes of pictures and answers")


class Feedback(Record):
    """What a user said of one answer."""

    at: str
    pixel_sha256: Digest = Field(description="of the face's pixels; the name of the picture's file begins so")
    choice: str = Field(max_length=60, description="that the user gave: a class, other or no_face")
    answered: str = Field(max_length=60, description="class that the champion gave")
    version: str = Field(max_length=200, description="of the champion")
    probabilities: dict[str, Share] = Field(description="that the champion gave: class -> 0..1")

    @property
    def file_name(self) -> str:
        """Return the name of the picture's file."""
        return f"{self.pixel_sha256}.png"


class FeedbackStore:
    """Folder of a workspace with the pictures, and a file with a line an answer; only its owner can read them.

    Args:
        workspace: root of the workspace.
        limits: on what is stored.
    """

    def __init__(self, workspace: Path, limits: FeedbackLimits = FeedbackLimits()) -> None:
        self.folder, self.limits = feedback_folder(workspace), limits

    def add(
        self, face: NDArray[np.uint8], choice: str, answered: str, version: str, probabilities: Mapping[str, float]
    ) -> bool:
        """Store a face and what a user says of the answer on it.

        Args:
            face: uint8 (height, width, 1 or 3), as the network saw it.
            choice: of the user.
            answered: class that the champion gave.
            version: of the champion.
            probabilities: that the champion gave, by class.

        Returns:
            Whether it is new; the same answer on the same pixels is stored once.

        Raises:
            FeedbackFull: the limits are reached.
            OSError: it cannot be written.
        """
        feedback = Feedback(
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            pixel_sha256=hash_pixels(face),
            choice=choice,
            answered=answered,
            version=version,
            probabilities={name: round(float(value), 6) for name, value in probabilities.items()},
        )
        picture, line = encode_png(face), f"{feedback.model_dump_json()}\n".encode()
        self.folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        with _locked(self.folder / LINES_NAME) as lines:
            known = list(_read_lines(self.folder / LINES_NAME))
            if any((one.pixel_sha256, one.choice) == (feedback.pixel_sha256, choice) for one in known):
                return False
            self._require_room(len(known), len(picture) + len(line))
            _write_new(self.folder / feedback.file_name, picture)
            sync_directory(self.folder)
            append_lines(lines, line)
        return True

    def _require_room(self, stored: int, more_bytes: int) -> None:
        used = sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())
        if stored >= self.limits.pictures or used + more_bytes > self.limits.total_bytes:
            raise FeedbackFull(
                f"got feedback when {stored:,} answers with {used:,} bytes were stored, expected at most "
                f"{self.limits.pictures:,} answers and {self.limits.total_bytes:,} bytes: review them, and move "
                f"{self.folder} elsewhere"
            )


def feedback_folder(workspace: Path) -> Path:
    """Return the folder of a workspace's feedback."""
    return reviews_folder(workspace) / FOLDER


def read_feedback(workspace: Path) -> list[Feedback]:
    """Return the feedback whose picture is there, the oldest first; a damaged line is left out."""
    folder = feedback_folder(workspace)
    return [one for one in _read_lines(folder / LINES_NAME) if (folder / one.file_name).is_file()]


def _read_lines(path: Path) -> Iterator[Feedback]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for line in content.split(b"\n"):
        try:
            yield Feedback.model_validate_json(line)
        except ValidationError:  # an empty line, or one that a crash cut short
            continue


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, PRIVATE)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _write_new(path: Path, content: bytes) -> None:
    if path.exists():
        return
    temporary = path.with_name(f".{path.name}.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
