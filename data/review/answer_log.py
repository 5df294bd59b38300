"""File with the answers of one person: each is a line that is on the disk before it counts.

Several processes may add lines and read the file at once. A crash can leave a part of the last line; the next line then
starts on a line of its own, and the part is left where it is and not read.
"""

import fcntl
import logging
import os
from pathlib import Path

from pydantic import ValidationError

from data.review.answer import History, Line
from data.workspace.atomic import sync_directory

logger = logging.getLogger(__name__)

PRIVATE = 0o600
LONGEST_LINE = 1 << 16
BEGINNING = 64
"""Bytes by which a file is known again: a line begins with its own random number."""


class AnswerLog:
    """Answers of one person.

    Args:
        path: of the file, which is made with its folder by the first answer; only its owner can read it.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.history = path, History()
        self._read_bytes, self._beginning = 0, b""
        self.refresh()

    def refresh(self) -> History:
        """Read what was added since the last time, by this process or another one; return all that is known.

        A file that was removed, replaced or cut is read from its beginning: only what it has counts.
        """
        try:
            with self.path.open("rb") as file:
                self._notice_other_file(os.fstat(file.fileno()).st_size, file.read(BEGINNING))
                file.seek(self._read_bytes)
                added = file.read()
        except FileNotFoundError:
            self._forget()
            return self.history
        whole, newline, _ = added.rpartition(b"\n")  # what has no end yet may be being written
        for line in whole.split(b"\n"):
            self._take(line)
        self._read_bytes += len(whole) + len(newline)
        return self.history

    def _notice_other_file(self, size: int, beginning: bytes) -> None:
        if size < self._read_bytes or not beginning.startswith(self._beginning):
            self._forget()
        self._beginning = beginning

    def _forget(self) -> None:
        self.history, self._read_bytes, self._beginning = History(), 0, b""

    def add(self, *lines: Line) -> None:
        """Add lines at the end, and return when they are on the disk. A line that is there already is left out.

        Raises:
            OSError: the file cannot be written, for example because the disk is full; then nothing counts.
        """
        new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, PRIVATE)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.refresh()
            text = "".join(f"{line.model_dump_json()}\n" for line in lines if not self.history.knows(line.id))
            if text:
                append_lines(file, text.encode())
        finally:
            os.close(file)
        if new:
            sync_directory(self.path.parent)
        self.refresh()

    def _take(self, text: bytes) -> None:
        if not text.strip():
            return
        try:
            if len(text) > LONGEST_LINE:
                raise ValueError("the line is too long")
            self.history.add(Line.model_validate_json(text))
        except (ValidationError, ValueError):
            logger.warning("%s: a line is left out, because it is damaged: %.60r", self.path, text)


def append_lines(file: int, content: bytes) -> None:
    """Write whole lines at the end of a locked file, and wait until they are on the disk.

    What a crash left of a line becomes a line of its own.

    Raises:
        OSError: they cannot be written; then the file is as before.
    """
    size = os.fstat(file).st_size
    torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
    content = b"\n" * torn + content
    try:
        while content:
            content = content[os.write(file, content) :]
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise
