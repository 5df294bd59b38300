"""Admission of requests: so many are computed at once, so many wait, and one more is refused at once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from data.system.hardware import usable_cores
from serving.web.limits import ServeLimits

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

RETRY_SECONDS = 1


class Refused(Exception):
    """Report a request that gets no answer.

    Args:
        status: of HTTP.
        message: what was got, what was expected, and what to do.
        retry_seconds: after which the client may try again; 0 for never.
    """

    def __init__(self, status: int, message: str, retry_seconds: int = 0) -> None:
        super().__init__(message)
        self.status, self.message, self.retry_seconds = status, message, retry_seconds


class Door:
    """Places for requests, and the threads that compute their answers.

    Args:
        limits: how many places there are, and how long a request may hold one.
    """

    def __init__(self, limits: ServeLimits) -> None:
        self.at_once = limits.at_once or usable_cores()
        self.places = self.at_once + limits.waiting
        self.taken = 0
        self.seconds = limits.seconds
        self.pool = ThreadPoolExecutor(self.at_once, thread_name_prefix="answer")

    @asynccontextmanager
    async def place(self) -> AsyncIterator["Place"]:
        """Hold a place during the block, and until the work that was started in it has ended.

        Raises:
            Refused: every place is taken.
        """
        if self.taken >= self.places:
            raise Refused(
                429,
                f"got a request while {self.at_once} were computed and {self.places - self.at_once} waited, expected "
                f"fewer at once: try again after {RETRY_SECONDS} s",
                RETRY_SECONDS,
            )
        self.taken += 1
        place = Place(self)
        try:
            yield place
        finally:
            place.end()

    def close(self) -> None:
        """Start nothing more; what is being computed ends by itself."""
        self.pool.shutdown(wait=False, cancel_futures=True)


class Place:
    """Place of one request.

    Args:
        door: it belongs to this door.
    """

    def __init__(self, door: Door) -> None:
        self.door, self.loop = door, asyncio.get_running_loop()
        self._job: Future | None = None

    async def work(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Compute something in a thread.

        Raises:
            Refused: it failed, or took too long. A thread cannot be stopped: its place stays taken until it ends.
        """
        self._job = self.door.pool.submit(function, *arguments)
        done, _ = await asyncio.wait({asyncio.wrap_future(self._job)}, timeout=self.door.seconds)
        if not done:
            self._job.cancel()  # has an effect only while it waits for a thread
            raise Refused(
                503,
                f"got no answer within {self.door.seconds:g} s, expected one: send fewer or smaller images, or try "
                "again when less is going on",
                RETRY_SECONDS,
            )
        try:
            return done.pop().result()
        except Refused:
            raise
        except Exception as error:  # the client gets a sentence, and its connection stays
            logger.exception("a request failed")
            raise Refused(500, f"the service has a fault ({type(error).__name__}): its log says more") from error

    def end(self) -> None:
        """Free the place now, or as soon as its work has ended."""
        if self._job is None or self._job.done():
            self._free()
        else:
            self._job.add_done_callback(self._free_later)

    def _free_later(self, job: Future) -> None:
        with suppress(RuntimeError):  # the service has ended meanwhile
            self.loop.call_soon_threadsafe(self._free)

    def _free(self) -> None:
        self.door.taken -= 1
