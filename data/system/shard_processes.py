"""Map over shards in this process and in child processes: the built-in `map`, on several cores."""

import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from data.base.errors import ChildKilled, PipelineError
from data.base.paths import PROJECT_ROOT

Shard = TypeVar("Shard")
Result = TypeVar("Result")

ALONE = 3
"""Number of shards that are done here before children start: a child takes about a second to start, and in that time
one process is through with so many."""


class MapShards(Protocol):
    """What the built-in `map` does, perhaps elsewhere: yield the function's results in the order of the shards.

    Functions have to be found by their name in their module, and shards and results have to be picklable. Shards are
    taken as they are needed, so that not all of them are in memory at once.
    """

    def __call__(self, function: Callable[[Shard], Result], shards: Iterable[Shard], /) -> Iterator[Result]:
        """Map the function over the shards."""
        ...


class ShardProcesses:
    """A map on several processes; use it as a context manager, which ends the children.

    A child is a command of its own: it is safe even if the caller runs threads, does not run the caller's script a
    second time, and ends when the caller ends.

    Args:
        processes: largest number, this one included.
    """

    def __init__(self, processes: int) -> None:
        self._children = processes - 1
        self._idle: list[subprocess.Popen[bytes]] = []
        self._started: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for child in self._started:
            child.kill()
            child.communicate()

    def __call__(self, function: Callable[[Shard], Result], shards: Iterable[Shard], /) -> Iterator[Result]:
        """Map as `MapShards` says.

        Raises:
            ChildKilled: a child was ended by a signal, for example because memory ran out.
            Exception: what the function raised.
        """
        remaining = iter(shards)
        yield from map(function, islice(remaining, ALONE if self._children else None))
        yield from self._share(function, remaining)

    def _share(self, function: Callable[[Shard], Result], shards: Iterator[Shard]) -> Iterator[Result]:
        """Give shards to the children as long as one is free, and do the others here."""
        pending: deque[Future[Result]] = deque()
        with ThreadPoolExecutor(max(1, self._children)) as pool:
            for shard in shards:
                if sum(not future.done() for future in pending) < self._children:
                    pending.append(pool.submit(self._ask, function, shard))
                else:
                    pending.append(_finished(function(shard)))
                while pending and pending[0].done():
                    yield pending.popleft().result()
            yield from (future.result() for future in pending)

    def _ask(self, function: Callable[[Shard], Result], shard: Shard) -> Result:
        """Let an idle child, or a new one, do a shard."""
        with self._lock:
            child = self._idle.pop() if self._idle else self._start()
        answer = _exchange(child, (function, shard))
        with self._lock:
            self._idle.append(child)
        if isinstance(answer, BaseException):
            raise answer
        return answer[0]

    def _start(self) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [sys.executable, "-m", "data.system.shard_worker"],
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self._started.append(child)
        return child


def _finished(result: Result) -> Future[Result]:
    future: Future[Result] = Future()
    future.set_result(result)
    return future


def _exchange(child: subprocess.Popen[bytes], request: Any) -> Any:
    """Send a child its work and return its answer: the result in a tuple of one, or the exception."""
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("the child was started without pipes")
    try:
        pickle.dump(request, child.stdin, pickle.HIGHEST_PROTOCOL)
        child.stdin.flush()
        return pickle.load(child.stdout)
    except (EOFError, BrokenPipeError, pickle.UnpicklingError):
        status = child.wait()
        if status < 0:
            raise ChildKilled(
                f"a process that worked on a shard was ended by signal {-status}; check the memory and run again"
            ) from None
        raise PipelineError(
            f"a process that worked on a shard left with status {status}, expected an answer: see its standard error"
        ) from None
