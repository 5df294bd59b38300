"""Limits that hold while a download is running: bytes, room on the disk and time."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Literal, TypeVar

from data.base.errors import PipelineError

T = TypeVar("T")

LimitName = Literal["too_large", "no_room", "deadline"]


class LimitExceeded(PipelineError):
    """Report that a download was stopped by a limit.

    Args:
        message: what was got, what was expected and what to do.
        limit: which limit it was.
    """

    def __init__(self, message: str, limit: LimitName) -> None:
        super().__init__(message)
        self.limit: LimitName = limit

    def __reduce__(self) -> tuple[type["LimitExceeded"], tuple[str, LimitName]]:
        return type(self), (str(self), self.limit)


class TransferLimits:
    """Bytes, room and time for all files of one source together.

    Args:
        folder: where the files are written; room is that of its disk.
        max_bytes: most bytes of all files, decompressed if the server compressed them on the way.
        reserve_bytes: free bytes that must stay on the disk.
        deadline_seconds: longest time from now to the end of the last file.
    """

    def __init__(self, folder: Path, max_bytes: int, reserve_bytes: int, deadline_seconds: float) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._reserve_bytes = reserve_bytes
        self._deadline_seconds = deadline_seconds
        self._ends = time.monotonic() + deadline_seconds
        self._finished_bytes = 0

    def check(self, bytes_done: int, bytes_total: int | None) -> None:
        """Check the file that arrives; called for every piece.

        Args:
            bytes_done: bytes of this file up to now.
            bytes_total: size that the server announced; None if it did not.

        Raises:
            LimitExceeded: over a limit, now or once the announced bytes have arrived.
        """
        expected = max(bytes_done, bytes_total or 0)
        if self._finished_bytes + expected > self._max_bytes:
            raise LimitExceeded(
                f"got more than {self._max_bytes} bytes, the most that a download may have; is it the right source? "
                "Then set EMOTION_DOWNLOAD_MAX_BYTES higher",
                "too_large",
            )
        free = shutil.disk_usage(self._folder).free
        if free < self._reserve_bytes + expected - bytes_done:
            raise LimitExceeded(
                f"got {free} free bytes on the disk of {self._folder}, expected {expected - bytes_done} for the rest "
                f"and {self._reserve_bytes} to spare: run `emotion prune`, set EMOTION_WORKSPACE to a directory on a "
                "larger disk, or EMOTION_RESERVE_BYTES to what is to be spared",
                "no_room",
            )
        if time.monotonic() > self._ends:
            raise self.late()

    def finish_file(self, size_bytes: int) -> None:
        """Count a complete file."""
        self._finished_bytes += size_bytes

    @contextmanager
    def alarm(self) -> Iterator[threading.Event]:
        """Yield an event that is set when the time is up; for calls that watch one."""
        event = threading.Event()
        timer = threading.Timer(max(0.0, self._ends - time.monotonic()), event.set)
        timer.daemon = True
        timer.start()
        try:
            yield event
        finally:
            timer.cancel()

    def run(self, work: Callable[[], T]) -> T:
        """Return the result of a call that cannot be stopped; when the time is up it is left behind in its thread.

        Raises:
            LimitExceeded: the time is up.
        """
        results: list[T] = []
        errors: list[BaseException] = []

        def call() -> None:
            try:
                results.append(work())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=copy_context().run, args=(call,), daemon=True)
        thread.start()
        thread.join(max(0.0, self._ends - time.monotonic()))
        if errors:
            raise errors[0]
        if not results:
            raise self.late()
        return results[0]

    def late(self) -> LimitExceeded:
        """Return the error for a download that takes too long."""
        return LimitExceeded(
            f"not complete after {self._deadline_seconds:g} seconds, the longest that a download may take; start again "
            "to continue it, or set EMOTION_DOWNLOAD_DEADLINE_SECONDS higher for a slow connection",
            "deadline",
        )
