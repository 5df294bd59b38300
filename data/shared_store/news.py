"""News of a run on another host: what it does now, and that it is alive.

The run writes one object every few seconds, with its last events; who waits for it reads the object. It counts as gone
when the object has not changed for a while by the clock of the one that waits.

news/RUN.json | the last events, each with its number
"""

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from data.base.errors import PipelineError
from data.base.record import Record
from data.shared_store.objects import ObjectStore

NEWS_FOLDER = "news"

WRITE_SECONDS = 2.0
"""Least time between two writes."""

BEAT_SECONDS = 10.0
"""Longest time between two writes, whether anything happened or not."""

PATIENCE_SECONDS = 3.0
"""How long one request waits for a store that is out of reach: the next one has the same news."""

KEPT_EVENTS = 200


class News(Record):
    """Content of the object."""

    host: str
    process: int
    beat: int
    """Changes with every write."""
    first: int
    """Number of the first event that is listed; those before were listed earlier."""
    events: tuple[str, ...]


class NewsWriter:
    """Writes the news of a run of this process, as long as the block runs; it leaves the object behind.

    Args:
        store: that the hosts share.
        run: id of the run.
    """

    def __init__(self, store: ObjectStore, run: str) -> None:
        self._store, self._name = store.waiting(PATIENCE_SECONDS), _name(run)
        self._events: deque[str] = deque(maxlen=KEPT_EVENTS)
        self._count, self._beat, self._changed = 0, 0, True
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._write_regularly, name="news", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._write()

    def tell(self, event: str) -> None:
        """Add an event, a line of text."""
        with self._lock:
            self._events.append(event)
            self._count += 1
            self._changed = True

    def _write_regularly(self) -> None:
        written = -BEAT_SECONDS
        while not self._ended.wait(WRITE_SECONDS if written > 0 else 0):
            if self._changed or time.monotonic() - written >= BEAT_SECONDS:
                self._write()
                written = time.monotonic()

    def _write(self) -> None:
        with self._lock:
            self._beat += 1
            self._changed = False
            news = News(
                host=socket.gethostname(),
                process=os.getpid(),
                beat=self._beat,
                first=self._count - len(self._events),
                events=tuple(self._events),
            )
        try:
            self._store.write(self._name, news.model_dump_json().encode())
        except PipelineError:  # the next write has the same events
            self._changed = True


class NewsReader:
    """Reads the news of a run of another process.

    Args:
        store: that the hosts share.
        run: id of the run.
    """

    def __init__(self, store: ObjectStore, run: str) -> None:
        self._store, self._name = store.waiting(PATIENCE_SECONDS), _name(run)
        self._seen, self._beat, self._changed = 0, 0, time.monotonic()
        self.host, self.process = "", 0

    def read(self, take: Callable[[str], None]) -> None:
        """Pass on every event that was not read before; do nothing if the store is out of reach.

        If the run had more events than are kept between two reads, the oldest are lost.
        """
        try:
            content = self._store.read(self._name)
            news = News.model_validate_json(content) if content else None
        except (PipelineError, ValidationError):
            self._changed = time.monotonic()  # nobody can tell now whether the run is alive
            return
        if news is None or news.beat == self._beat:
            return
        self._beat, self._changed = news.beat, time.monotonic()
        self.host, self.process = news.host, news.process
        for event in news.events[max(0, self._seen - news.first) :]:
            take(event)
        self._seen = news.first + len(news.events)

    def silent_seconds(self) -> float:
        """Return for how long the run has written nothing, by this process's own clock."""
        return time.monotonic() - self._changed

    def forget(self) -> None:
        """Remove the object of a run that ended, if the store can be reached."""
        with suppress(PipelineError):
            self._store.delete(self._name)


def _name(run: str) -> str:
    return f"{NEWS_FOLDER}/{run}.json"
