"""A small disk of its own (tmpfs), to see what happens when it is full."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FILLER = "filler"
MEGABYTE = 1 << 20


@contextmanager
def mount_small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk of this size in a folder for the length of a block; skip the test where that is not allowed."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a small disk needs root and the command mount")
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def leave_room(disk: Path, free_bytes: int) -> None:
    """Fill the disk so that this much is left; an earlier filling is replaced."""
    free_up(disk)
    missing_bytes = shutil.disk_usage(disk).free - free_bytes
    with (disk / FILLER).open("wb") as file:
        while missing_bytes > 0:
            missing_bytes -= file.write(bytes(min(MEGABYTE, missing_bytes)))


def free_up(disk: Path) -> None:
    """Remove the filling."""
    (disk / FILLER).unlink(missing_ok=True)
