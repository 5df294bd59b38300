"""Waiting for a process that starts, up to a time limit."""

import time
from collections.abc import Callable

from data.base.errors import PipelineError

PAUSE_SECONDS = 0.2


def wait_until(is_ready: Callable[[], bool], seconds: float, late: Callable[[], str]) -> None:
    """Repeat a question until the answer is yes.

    Args:
        is_ready: the question; may raise an error to end the waiting.
        seconds: time limit.
        late: returns the message of the error if the time is over.

    Raises:
        PipelineError: the answer was not yes in time.

    Example:
        >>> wait_until(lambda: True, 1, lambda: "the server did not answer within 1 s")
    """
    deadline = time.monotonic() + seconds
    while not is_ready():
        if time.monotonic() > deadline:
            raise PipelineError(late())
        time.sleep(PAUSE_SECONDS)
