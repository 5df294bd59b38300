"""An outage of the store in the log: when it begins, once a minute while it lasts, and when it is over."""

import logging
import threading
import time
from functools import cache

logger = logging.getLogger(__name__)

TELL_AFTER_SECONDS = 5.0
"""A shorter outage is not worth a line: a request was repeated, and that was all."""

TELL_AGAIN_SECONDS = 60.0


class Outage:
    """Whether a store answers now; all connections of a process to one store share it, so that each fact is told once.

    Args:
        url: of the store, without a credential.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._since: float | None = None
        self._told: float | None = None
        self._lock = threading.Lock()

    def miss(self, reason: str) -> None:
        """Note a request without a usable answer."""
        now = time.monotonic()
        with self._lock:
            self._since = now if self._since is None else self._since
            lasts, is_first = now - self._since, self._told is None
            next_line = self._since + TELL_AFTER_SECONDS if self._told is None else self._told + TELL_AGAIN_SECONDS
            if now < next_line:
                return
            self._told = now
        if is_first:
            logger.warning("%s does not answer (%s): requests are repeated, and what needs it waits", self._url, reason)
        else:
            logger.warning("%s has not answered for %.0f s", self._url, lasts)

    def end(self) -> None:
        """Note an answer."""
        with self._lock:
            since, told = self._since, self._told
            self._since = self._told = None
        if since is not None and told is not None:
            logger.warning("%s answers again, after %.0f s", self._url, time.monotonic() - since)


@cache
def outage_of(url: str) -> Outage:
    """Return what this process knows about the store at an address."""
    return Outage(url)
