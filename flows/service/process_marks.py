"""Processes of `emotion up`: a mark in their environment, which their children inherit, identifies them."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress

import psutil

UP_VARIABLE = "EMOTION_UP"
"""Workspace of the `emotion up` that started a process, directly or indirectly."""

PART_VARIABLE = "EMOTION_UP_PART"
"""Part that a process belongs to."""

WORKER_COMMAND = ("prefect", "worker")


def find_up_processes(up: str = "", part: str = "") -> list[psutil.Process]:
    """Return the processes of an `emotion up`, without this process and its ancestors.

    Args:
        up: workspace of the `emotion up`; empty: the workspace in the environment of this process.
        part: return only the processes of this part; empty: of all parts.
    """
    up = up or os.environ.get(UP_VARIABLE, "")
    with suppress(psutil.Error):
        own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
        return [process for process in psutil.process_iter() if process.pid not in own and _has(process, up, part)]
    return []


def end_processes(processes: Iterable[psutil.Process], seconds: float) -> None:
    """End these processes: first the group leaders, which end their own children, then all, then by force.

    If a child ended before its parent, the parent would take it for a failure and start it again.
    """
    alive = list(processes)
    first = [process for process in alive if _is_group_leader(process, alive)]
    for asked, wait in ((first, seconds), (alive, seconds / 3)):
        _signal(asked, signal.SIGTERM)
        psutil.wait_procs(asked, timeout=wait)
        alive = [process for process in alive if process.is_running()]
    _signal(alive, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)


def _is_group_leader(process: psutil.Process, among: list[psutil.Process]) -> bool:
    """Tell whether the process is not a child of the others, or is a run, for which a worker would wait."""
    try:
        parent = process.parent()
        return parent not in among or (parent is not None and set(WORKER_COMMAND) <= _command_words(parent))
    except psutil.Error:
        return False


def _command_words(process: psutil.Process) -> set[str]:
    return {word.rsplit("/", 1)[-1] for word in process.cmdline()}


def _signal(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _has(process: psutil.Process, up: str, part: str) -> bool:
    try:
        environment = process.environ()
    except psutil.Error:  # the process is another user's, or has ended
        return False
    return environment.get(UP_VARIABLE) == up and part in ("", environment.get(PART_VARIABLE))
