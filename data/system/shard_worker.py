"""Child command that works on shards until its stdin ends: `python -m data.system.shard_worker`.

It reads pickled pairs of a function and a shard, which only `data.system.shard_processes` writes, and answers each with
the pickled result in a tuple of one, or with the exception.
"""

import os
import pickle
import signal
import sys
from typing import Any


def main() -> None:
    """Answer until the parent closes the pipe or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of the terminal; the parent decides
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    while True:
        try:
            function, shard = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(_answer(function, shard), answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()


def _answer(function: Any, shard: Any) -> Any:
    try:
        return (function(shard),)
    except Exception as error:
        return error


if __name__ == "__main__":
    main()
