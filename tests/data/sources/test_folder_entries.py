"""A folder that this account may not read as a whole is refused with the name of what cannot be read."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.sources.extract import copy_folder
from data.sources.limits import ExtractLimits

NOBODY = 65534
FILES = {"train/happy/1.jpg": b"a" * 100, "train/sad/2.jpg": b"b" * 100, "validation/sad/3.jpg": b"c" * 100}


@contextmanager
def another_account():
    """Be an account that owns nothing, if this one may read everything."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.fixture
def folder():
    """Return a folder outside tmp_path, whose parents only its owner may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "faces")
        for file, content in FILES.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        for parent in (folder.parent, folder, *(path for path in folder.rglob("*") if path.is_dir())):
            parent.chmod(0o755)
        yield folder
        for path in folder.rglob("*"):
            path.chmod(0o700)


@pytest.mark.parametrize(
    ("unreadable", "mode", "named"),
    [
        ("train/sad", 0, "train/sad"),
        ("train/sad", 0o444, "train/sad/2.jpg"),
        ("train/sad", 0o111, "train/sad"),
        ("train/sad/2.jpg", 0, "train/sad/2.jpg"),
        ("train", 0, "train"),
    ],
    ids=["folder", "folder that is listed only", "folder that is not listed", "file", "split"],
)
def test_what_cannot_be_read_is_named(folder, unreadable, mode, named):
    (folder / unreadable).chmod(mode)
    with tempfile.TemporaryDirectory() as out:
        Path(out).chmod(0o777)
        with another_account(), pytest.raises(PipelineError, match=rf"cannot read {folder / named} \(Permission"):
            copy_folder(folder, Path(out, "copied"), ExtractLimits())
