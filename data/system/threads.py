"""Work that is done ahead in threads, while its results are used one after the other."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int, ahead: int = 1
) -> Iterator[Result]:
    """Yield the function's results in the order of the items, as `map` does, while threads make the next ones.

    Args:
        function: called from several threads at once.
        items: taken as they are needed.
        threads: number of calls at the same time.
        ahead: number of results for each thread that are made before they are needed.

    Raises:
        Exception: what the function raises, in the turn of its item; what was not started is not done then.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > ahead * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
