"""Store of finished stages: each is found by the key of its inputs, and written as a whole or not at all."""

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from data.base.errors import PipelineError
from data.workspace.atomic import (
    RECORD_NAME,
    locked,
    put_in_place,
    remove_via_rename,
    sync_tree,
    try_lock,
    write_atomically,
)
from data.workspace.digests import checksum_files, hash_json
from data.workspace.full_disk import full_disk_explained, require_free_space
from data.workspace.in_use import StagesInUse, read_stages_in_use
from data.workspace.mark import Mark, claim_root
from data.workspace.ownership import forget_owned, start_owned
from data.workspace.reachability import references
from data.workspace.stage_record import StageRecord, find_damage, find_other_files, save_other_files
from data.workspace.tier import LeaseLost, StageTier

logger = logging.getLogger(__name__)

RESERVE_BYTES = 256 << 20
"""Free space that stages leave for everything else, such as logs and a server's database."""

FETCH_SUFFIX = ".fetch"
"""End of the name of a directory into which a stage is fetched."""


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
        root: the directory; made and marked as a workspace when the first stage is written.
        force: write every stage again, even if it is complete.
        reserve_bytes: free space that has to remain in addition to what a stage needs.
        tier: store that several hosts share, from which missing stages are fetched, and to which finished ones go.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> def write(out: Path) -> None:
        ...     _ = (out / "greeting.txt").write_text("hello")
        >>> with TemporaryDirectory() as folder:
        ...     workspace = Workspace(Path(folder))
        ...     [workspace.produce("texts", {"language": "en"}, write).cached for _ in range(2)]
        [False, True]
    """

    def __init__(
        self, root: Path, force: bool = False, reserve_bytes: int = RESERVE_BYTES, tier: StageTier | None = None
    ) -> None:
        self.root = Path(root).resolve()
        self.force = force
        self.reserve_bytes = reserve_bytes
        self.tier = tier
        self._started: set[Path] = set()
        self._mark: Mark | None = None
        self._in_use = StagesInUse(self.root)

    def claim(self) -> Mark:
        """Return the mark of the workspace; make the directory and the mark if they do not exist.

        Raises:
            PipelineError: the directory cannot be written, or is not a workspace.
        """
        self._mark = self._mark or claim_root(self.root)
        return self._mark

    @property
    def id(self) -> str:
        """Return the id of the workspace, which is made once and stays the same if the workspace is moved."""
        return self.claim().id

    def directory(self, stage: str, key: str) -> Path:
        """Return the directory of the stage, whether it is written already or not."""
        return self.root / stage / key

    def find(self, stage: str, key: str, verify: bool = False) -> Path | None:
        """Return the finished stage's directory, or None if it is missing or damaged.

        Args:
            stage: kind of content.
            key: key of the stage.
            verify: compare the checksums of its files too, not only their sizes.
        """
        path = self.directory(stage, key)
        if not path.is_dir():
            return None
        damage = find_damage(path, verify)
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
        verify: bool = False,
        give_up: Callable[[], bool] = lambda: False,
        need: Callable[[], int] = lambda: 0,
    ) -> Produced:
        """Return the stage for these inputs; write it first if it does not exist.

        As long as this object lives, pruning does not remove the stage.

        Args:
            stage: the kind of content, a directory name such as "manifests".
            inputs: everything the content depends on, JSON-serialisable; hashed into the key.
            write: fills the directory it is given.
            verify: compare the checksums of a finished stage's files, and write it again if one differs: for files
                in which a wrong byte would spoil a training without any error, or fail it at every attempt.
            resumable: keep the working directory if `write` fails, and pass the same one to the next attempt.
            give_up: called repeatedly while another run writes this stage; True ends the wait. Threads need this,
                because nothing can interrupt them.
            need: called before the stage is written; returns about how many bytes the write needs at its peak.

        Raises:
            PipelineError: `give_up` ended the wait, or there is no room for the stage, before or while it is written.
            Whatever `write` raises; nothing is left under the stage's name then.
        """
        key = hash_json(inputs)
        made_from = [named for _, named in references(inputs)]

        def make() -> None:
            self.require_space(need(), f"the next of {stage}")
            self._make(stage, key, inputs, write, resumable)

        self.claim()
        while True:
            try:
                cached = self._find_or_make(stage, key, verify, give_up, made_from, make)
                return Produced(stage=stage, key=key, path=self.directory(stage, key), cached=cached)
            except LeaseLost:
                logger.warning("another host took %s/%s over: this one waits for its result", stage, key)

    def look_up(
        self, stage: str, key: str, verify: bool = False, give_up: Callable[[], bool] = lambda: False
    ) -> Produced | None:
        """Return a finished stage that is here, or that another host has finished; None if there is none.

        As long as this object lives, pruning does not remove the stage.

        Raises:
            PipelineError: `give_up` ended the wait for another run of this host, which writes the stage.
        """
        self.claim()
        with full_disk_explained(self.root, stage), locked(self._lock_path(stage, key), give_up):
            self._in_use.add(stage, key)
            if self._find_used(stage, key, verify) or self._fetch(stage, key):
                return Produced(stage=stage, key=key, path=self.directory(stage, key), cached=True)
        return None

    def obtain(self, stage: str, key: str, verify: bool = False) -> Produced:
        """Return a finished stage, see `look_up`.

        Raises:
            PipelineError: it is neither here nor in the store that the hosts share.
        """
        found = self.look_up(stage, key, verify)
        if found:
            return found
        where = "or in the store of EMOTION_STORE" if self.tier else "and EMOTION_STORE names no store of other hosts"
        raise PipelineError(f"got no stage {stage}/{key} in {self.root} {where}, expected it: run what makes it first")

    def require_space(self, need_bytes: int, what: str) -> None:
        """Check that the disk has room.

        Args:
            need_bytes: bytes that will be written, at the peak.
            what: name of what is written, for the message.

        Raises:
            PipelineError: there is less free space than `need_bytes` and the reserve.
        """
        self.claim()
        require_free_space(self.root, need_bytes, self.reserve_bytes, what)

    def discard(self, stage: str, key: str, last_used: float) -> bool:
        """Remove a finished stage and return True, unless a living process uses it, any used it meanwhile, or it holds
        files that are not its own.

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
            if record.exists() and (record.stat().st_mtime != last_used or any(find_other_files(target))):
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
            work = self.work_directory(stage, key)
            remove_via_rename(work)
            forget_owned(self.root, work)
        return True

    def is_written(self, stage: str, key: str) -> bool:
        """Tell whether a process is writing the stage now."""
        with try_lock(self._lock_path(stage, key)) as mine:
            return not mine

    def _find_or_make(
        self,
        stage: str,
        key: str,
        verify: bool,
        give_up: Callable[[], bool],
        made_from: Iterable[str],
        make: Callable[[], None],
    ) -> bool:
        """Make the stage if it is missing; return whether this host or another one had it."""
        with full_disk_explained(self.root, stage), locked(self._lock_path(stage, key), give_up):
            self._in_use.add(stage, key)
            if not self.force and (self._find_used(stage, key, verify) or self._fetch(stage, key)):
                return True
            with self.tier.writing(stage, key, made_from, give_up) if self.tier else nullcontext(True) as is_mine:
                if not is_mine and self._fetch(stage, key):
                    return True
                make()
        return False

    def _make(
        self, stage: str, key: str, inputs: Mapping[str, Any], write: Callable[[Path], None], resumable: bool
    ) -> None:
        """Write the stage with its record, and give it to the other hosts."""
        work, started = self.work_directory(stage, key), time.monotonic()
        self._write(work, write, resumable)
        record = StageRecord(
            stage=stage,
            key=key,
            created=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            inputs=dict(inputs),
            seconds=round(time.monotonic() - started, 3),
            files=checksum_files(work),
        )
        self._finish(work, record)
        if self.tier:
            self.tier.push(self.directory(stage, key))

    def _find_used(self, stage: str, key: str, verify: bool) -> bool:
        """Tell whether the stage is here; it counts as used now, and other hosts get it if they lack it."""
        if not self.directory(stage, key).is_dir():
            return False
        lacking = self.tier is not None and self.tier.lacks(stage, key)
        path = self.find(stage, key, verify or lacking)  # whatever other hosts get is read first
        if path:
            os.utime(path / RECORD_NAME)  # pruning depends on when a stage was last used
            if self.tier and lacking:
                self.tier.push(path)
        return path is not None

    def _fetch(self, stage: str, key: str) -> bool:
        """Fetch the stage if another host has finished it."""
        if self.tier is None:
            return False
        fetched = self.directory(stage, f".{key}{FETCH_SUFFIX}")
        if fetched.exists():
            shutil.rmtree(fetched)
        start_owned(self.root, fetched)
        fetched.mkdir(parents=True)
        try:
            record = self.tier.fetch(stage, key, fetched, lambda size: self.require_space(size, f"the next of {stage}"))
            if record:
                self._finish(fetched, record)
        finally:
            shutil.rmtree(fetched, ignore_errors=True)
            forget_owned(self.root, fetched)
        return record is not None

    def _finish(self, work: Path, record: StageRecord) -> None:
        """Add the record to a complete directory, and give it the stage's name."""
        target = self.directory(record.stage, record.key)
        sync_tree(work)  # before the record, which says that the stage is complete
        write_atomically(work / RECORD_NAME, record.model_dump_json(indent=1))
        save_other_files(target)
        put_in_place(work, target)
        forget_owned(self.root, work)

    def _lock_path(self, stage: str, key: str) -> Path:
        return self.root / stage / f".{key}.lock"

    def _write(self, work: Path, write: Callable[[Path], None], resumable: bool) -> None:
        """Fill the working directory, and resume in it if `resumable`; a forced run resumes only its own work."""
        resumes = resumable and (work in self._started or not self.force)
        if work.exists() and not resumes:
            shutil.rmtree(work)
        self._started.add(work)
        start_owned(self.root, work)
        work.mkdir(parents=True, exist_ok=True)
        try:
            write(work)
        except BaseException:
            if not resumable:
                shutil.rmtree(work, ignore_errors=True)
                forget_owned(self.root, work)
            raise


def key_of_work(work: Path) -> str:
    """Return the key of the stage that is written in a working directory."""
    return work.name.removeprefix(".").removesuffix(".work")
