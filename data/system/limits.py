"""Limits of this process's control groups: processor time and memory, as Docker, systemd and Kubernetes set them.

Linux enforces them without hiding the other cores and memory of the host, so that nothing else reports them. Read from
version 2 of control groups, or from version 1 where a host still has it.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/memory.html there
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

import psutil

MOUNT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")

UNLIMITED_BYTES = 1 << 60
"""Version 1 states a value near 2**63 if there is no limit."""


def cpu_quota(mount: Path = MOUNT, membership: Path = MEMBERSHIP) -> float | None:
    """Return how many cores' worth of time this process may use at most; None without a limit.

    Args:
        mount: where control groups are mounted.
        membership: the file that lists the groups of this process.
    """
    return min(_each(mount, membership, "cpu", _quota_of), default=None)


def memory_limit_bytes(mount: Path = MOUNT, membership: Path = MEMBERSHIP) -> int | None:
    """Return the memory that this process and its neighbours in a group may use at most; None without a limit.

    Args:
        mount: where control groups are mounted.
        membership: the file that lists the groups of this process.
    """
    found = min(_each(mount, membership, "memory", _memory_of), default=None)
    return None if found is None or found >= UNLIMITED_BYTES else int(found)


def available_memory_bytes() -> int:
    """Return the memory that is free for new processes, on the machine and within the limit of the group."""
    free, limit = psutil.virtual_memory().available, memory_limit_bytes()
    return free if limit is None else min(free, limit)


def _each(mount: Path, membership: Path, controller: str, read: Callable[[Path], float | None]) -> Iterator[float]:
    """Yield the limits of the process's group and of each group around it, which all hold."""
    for folder in _folders(mount, membership, controller):
        limit = read(folder)
        if limit is not None:
            yield limit


def _folders(mount: Path, membership: Path, controller: str) -> Iterator[Path]:
    with suppress(OSError):
        for line in membership.read_text(encoding="utf-8").splitlines():
            _, controllers, group = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            hierarchy = mount / controllers if controllers else mount
            inside = PurePosixPath(group).relative_to("/")
            yield from (hierarchy / folder for folder in (inside, *inside.parents))


def _quota_of(folder: Path) -> float | None:
    with suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        return None if quota == "max" else int(quota) / int(period)
    quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return quota / period if quota and period and quota > 0 else None


def _memory_of(folder: Path) -> float | None:
    limit = _number(folder / "memory.max")
    return _number(folder / "memory.limit_in_bytes") if limit is None else limit


def _number(path: Path) -> int | None:
    """Read a file with one number; None if it is missing, or says "max"."""
    with suppress(OSError, ValueError):
        return int(path.read_text(encoding="utf-8"))
    return None
