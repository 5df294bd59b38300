"""Store of finished stages: each is found by the key of its inputs, and written as a whole or not at all."""

import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from data.base.errors import PipelineError
from data.workspace.atomic import locked, put_in_place, remove_via_rename, sync_tree, try_lock, write_atomically
from data.workspace.digests import checksum_files, hash_file, hash_json
from data.workspace.in_use import StagesInUse, read_stages_in_use

logger = logging.getLogger(__name__)

RECORD_NAME = "_complete.json"

CHECKED_BYTES = 8 << 20
"""Size up to which a record or table is read again to find damage, which takes milliseconds."""

CHECKED_NAMES = (".json", ".parquet")

RESERVE_BYTES = 256 << 20
"""Free space that stages leave for everything else, such as logs and a server's database."""


class StageRecord(BaseModel):
    """Record of a finished stage directory, stored in it as `_complete.json`."""

    model_config = ConfigDict(frozen=True)

    stage: str
    key: str
    created: str
    inputs: dict[str, Any]
    seconds: float = 0.0
    """Wall time of the write; after a resume, of the last attempt only."""
    files: dict[str, tuple[int, str]]


class Produced(BaseModel):
    """A finished stage, as later stages need it: its directory, its key, and whether it was found or written."""

    model_config = ConfigDict(frozen=True)

    stage: str
    key: str
    path: Path
    cached: bool


class Workspace:
    """A directory of finished stages, safe to share between processes.

    Args:
        root: the directory; made when the first stage is written.
        force: write every stage again, even if it is complete.
        reserve_bytes: free space that has to remain in addition to what a stage needs.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> def write(out: Path) -> None:
        ...     _ = (out / "greeting.txt").write_text("hello")
        >>> with TemporaryDirectory() as folder:
        ...     workspace = Workspace(Path(folder))
        ...     [workspace.produce("texts", {"language": "en"}, write).cached for _ in range(2)]
        [False, True]
    """

    def __init__(self, root: Path, force: bool = False, reserve_bytes: int = RESERVE_BYTES) -> None:
        self.root = Path(root).resolve()
        self.force = force
        self.reserve_bytes = reserve_bytes
        self._started: set[Path] = set()
        self._in_use = StagesInUse(self.root)

    @cached_property
    def id(self) -> str:
        """Return the id of the workspace, which is made once and stays the same if the workspace is moved."""
        path = self.root / ".workspace_id"
        if not path.is_file():
            self.root.mkdir(parents=True, exist_ok=True)
            write_atomically(path, uuid4().hex)
        return path.read_text(encoding="utf-8")

    def directory(self, stage: str, key: str) -> Path:
        """Return the directory of the stage, whether it is written already or not."""
        return self.root / stage / key

    def find(self, stage: str, key: str) -> Path | None:
        """Return the finished stage's directory, or None if it is missing or damaged."""
        path = self.directory(stage, key)
        if not path.is_dir():
            return None
        damage = find_damage(path)
        if damage:
            logger.warning("%s is damaged (%s); it is rebuilt", path, damage)
            return None
        return path

    def work_directory(self, stage: str, key: str) -> Path:
        """Return the temporary directory in which the stage is written; after an error a resumable stage keeps it."""
        return self.root / stage / f".{key}.work"

    def produce(
        self,
        stage: str,
        inputs: Mapping[str, Any],
        write: Callable[[Path], None],
        *,
        resumable: bool = False,
        give_up: Callable[[], bool] = lambda: False,
        need: Callable[[], int] = lambda: 0,
    ) -> Produced:
        """Return the stage for these inputs; write it first if it does not exist.

        As long as this object lives, pruning does not remove the stage.

        Args:
            stage: the kind of content, a directory name such as "manifests".
            inputs: everything the content depends on, JSON-serialisable; hashed into the key.
            write: fills the directory it is given.
            resumable: keep the working directory if `write` fails, and pass the same one to the next attempt.
            give_up: called repeatedly while another run writes this stage; True ends the wait. Threads need this,
                because nothing can interrupt them.
            need: called before the stage is written; returns about how many bytes the write needs at its peak.

        Raises:
            PipelineError: `give_up` ended the wait, or there is no room for the stage.
            Whatever `write` raises; nothing is left under the stage's name then.
        """
        key = hash_json(inputs)
        target, work = self.directory(stage, key), self.work_directory(stage, key)
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(self._lock_path(stage, key), give_up):
            self._in_use.add(stage, key)
            if not self.force and self.find(stage, key):
                os.utime(target / RECORD_NAME)  # pruning depends on when a stage was last used
                return Produced(stage=stage, key=key, path=target, cached=True)
            self.require_space(need(), f"the next of {stage}")
            started = time.monotonic()
            self._write(work, write, resumable)
            record = StageRecord(
                stage=stage,
                key=key,
                created=_now(),
                inputs=dict(inputs),
                seconds=round(time.monotonic() - started, 3),
                files=checksum_files(work),
            )
            sync_tree(work)  # before the record, which says that the stage is complete
            write_atomically(work / RECORD_NAME, record.model_dump_json(indent=1))
            put_in_place(work, target)
        return Produced(stage=stage, key=key, path=target, cached=False)

    def require_space(self, need_bytes: int, what: str) -> None:
        """Check that the disk has room.

        Args:
            need_bytes: bytes that will be written, at the peak.
            what: name of what is written, for the message.

        Raises:
            PipelineError: there is less free space than `need_bytes` and the reserve.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.root).free
        if free < need_bytes + self.reserve_bytes:
            raise PipelineError(
                f"got {_in_megabytes(free)} of free space in {self.root}, expected {_in_megabytes(need_bytes)} for "
                f"{what} and {_in_megabytes(self.reserve_bytes)} to spare: run `emotion prune`, set EMOTION_WORKSPACE "
                "to a directory on a larger disk, or EMOTION_RESERVE_BYTES to what is to be spared"
            )

    def discard(self, stage: str, key: str, last_used: float) -> bool:
        """Remove a finished stage and return True, unless a living process uses it or any used it meanwhile.

        The stage is renamed before anything in it is deleted, so that after a kill at any moment it is complete or
        removed; the rest then has a hidden name.

        Args:
            stage: kind of content.
            key: key of the stage.
            last_used: modification time of its record, as the caller read it.
        """
        target = self.directory(stage, key)
        with try_lock(self._lock_path(stage, key)) as mine:
            if not mine or (stage, key) in read_stages_in_use(self.root):
                return False
            record = target / RECORD_NAME
            if record.exists() and record.stat().st_mtime != last_used:
                return False
            remove_via_rename(target)
        return True

    def discard_work(self, stage: str, key: str) -> bool:
        """Remove the working directory of an unfinished stage and return True, unless a living process uses it.

        It is renamed first as well: a later run would try to resume a half-deleted directory.
        """
        with try_lock(self._lock_path(stage, key)) as mine:
            if not mine or (stage, key) in read_stages_in_use(self.root):
                return False
            remove_via_rename(self.work_directory(stage, key))
        return True

    def is_written(self, stage: str, key: str) -> bool:
        """Tell whether a process is writing the stage now."""
        with try_lock(self._lock_path(stage, key)) as mine:
            return not mine

    def _lock_path(self, stage: str, key: str) -> Path:
        return self.root / stage / f".{key}.lock"

    def _write(self, work: Path, write: Callable[[Path], None], resumable: bool) -> None:
        """Fill the working directory, and resume in it if `resumable`; a forced run resumes only its own work."""
        resumes = resumable and (work in self._started or not self.force)
        if work.exists() and not resumes:
            shutil.rmtree(work)
        self._started.add(work)
        work.mkdir(parents=True, exist_ok=True)
        try:
            write(work)
        except BaseException:
            if not resumable:
                shutil.rmtree(work, ignore_errors=True)
            raise


def read_record(path: Path) -> StageRecord:
    """Return the record of a finished stage directory."""
    return StageRecord.model_validate_json((path / RECORD_NAME).read_bytes())


def find_damage(path: Path) -> str:
    """Check a finished stage by names and sizes, and its small records and tables by content as well.

    Returns:
        The first fault, or an empty string.
    """
    try:
        record = read_record(path)
        for name, (size, digest) in record.files.items():
            found = (path / name).stat().st_size
            if found != size:
                return f"{name} has {found} bytes instead of {size}"
            if size <= CHECKED_BYTES and name.endswith(CHECKED_NAMES) and hash_file(path / name) != digest:
                return f"{name} has other content than was written"
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def _in_megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
