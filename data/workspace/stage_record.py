"""Records of finished stages: what a stage directory holds, whether it is whole, and which ones a workspace has."""

import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from data.workspace.atomic import RECORD_NAME
from data.workspace.digests import hash_file
from data.workspace.ownership import walk_files

logger = logging.getLogger(__name__)

CHECKED_BYTES = 8 << 20
"""Size up to which a record or table is read again to find damage, which takes milliseconds."""

CHECKED_NAMES = (".json", ".parquet")

KEY = re.compile("[0-9a-f]{16}")


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


def read_record(path: Path) -> StageRecord:
    """Return the record of a finished stage directory."""
    return StageRecord.model_validate_json((path / RECORD_NAME).read_bytes())


def list_records(root: Path) -> Iterator[tuple[StageRecord, Path]]:
    """Yield the record and the directory of each finished stage, sorted by path.

    A record counts only if its stage and key are the path that it lies at: a file of this name may come from anywhere,
    for example from a folder on Google Drive. A stage without a readable record does not count.
    """
    for path in sorted(root.glob(f"[!.]*/[!.]*/{RECORD_NAME}")):
        try:
            record = read_record(path.parent)
        except (OSError, ValidationError) as error:
            logger.warning(
                "%s is left as it is: its record cannot be read (%s)", path.parent, str(error).splitlines()[0]
            )
            continue
        if (record.stage, record.key) == path.parent.parts[-2:] and KEY.fullmatch(record.key):
            yield record, path.parent


def find_damage(path: Path, contents: bool = False) -> str:
    """Check a finished stage by names and sizes, and its small records and tables by content as well.

    Args:
        path: its directory.
        contents: compare the checksum of every file.

    Returns:
        The first fault, or an empty string.
    """
    try:
        record = read_record(path)
        for name, (size, sha256) in record.files.items():
            found = (path / name).stat().st_size
            if found != size:
                return f"{name} has {found} bytes instead of {size}"
            small = size <= CHECKED_BYTES and name.endswith(CHECKED_NAMES)
            if (contents or small) and hash_file(path / name) != sha256:
                return f"{name} has other content than was written"
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def find_other_files(path: Path) -> Iterator[Path]:
    """Yield the files and links below a stage directory that its record does not list: a person put them there."""
    listed = {RECORD_NAME, *read_record(path).files}
    yield from (found for found in walk_files(path) if found.relative_to(path).as_posix() not in listed)


def save_other_files(target: Path) -> None:
    """Rename a stage that is about to be replaced if it holds files that are not its own, so that none is lost."""
    try:
        other = next(find_other_files(target), None) if target.exists() else None
    except (OSError, ValueError):  # its record is damaged, so nothing tells whose files these are
        other = target
    if other:
        saved = target.with_name(f"{target.name}.saved-{time.time_ns()}")
        target.replace(saved)
        logger.warning("%s holds files that are not its own: it is now %s; delete it if you need none", target, saved)
