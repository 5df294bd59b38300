"""Wait for a process that is starting."""

import time
from collections.abc import Callable

from data.base.errors import PipelineError

PAUSE_SECONDS = 0.2


def wait_until(is_ready: Callable[[], bool], seconds: float, late: Callable[[], str]) -> None:
    """Ask again and again until it is ready.

    Args:
        is_ready: answers whether it is; may raise to end the waiting.
        seconds: how long to wait.
        late: words the error if the time is over.

    Raises:
        PipelineError: it was not ready in time.

    Example:
        >>> wait_until(lambda: True, 1, lambda: "the server did not answer within 1 s")
    """
    deadline = time.monotonic() + seconds
    while not is_ready():
        if time.monotonic() > deadline:
            raise PipelineError(late())
        time.sleep(PAUSE_SECONDS)
