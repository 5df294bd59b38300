"""Record of the data set that was accepted last, for each source."""

from pathlib import Path

from filelock import FileLock

from data.base.record import Record
from data.sources.source import DatasetSource
from data.workspace.digests import hash_json
from data.workspace.layout import ACCEPTED_FOLDER
from data.workspace.store import Produced, Workspace


class Accepted(Record):
    """Keys of the accepted data set of a source and of the one before."""

    key: str = ""
    former: str = ""

    def last_before(self, key: str) -> str:
        """Return the key of the data set to compare this one with; a repeated run gets the same answer."""
        return self.former if key == self.key else self.key


def read_accepted(source: DatasetSource, workspace: Workspace) -> Accepted:
    """Return which data set of a source was accepted last; empty keys if there was none."""
    path = _accepted_path(source, workspace)
    return Accepted.model_validate_json(path.read_text()) if path.exists() else Accepted()


def write_accepted(dataset: Produced, source: DatasetSource, workspace: Workspace) -> None:
    """Make a data set the accepted one of its source."""
    path = _accepted_path(source, workspace)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        accepted = read_accepted(source, workspace)
        if accepted.key != dataset.key:
            # Renamed when it is complete, so that no later run finds half a file.
            unfinished = path.with_suffix(".work")
            unfinished.write_text(Accepted(key=dataset.key, former=accepted.key).model_dump_json())
            unfinished.replace(path)


def _accepted_path(source: DatasetSource, workspace: Workspace) -> Path:
    return workspace.root / ACCEPTED_FOLDER / f"{hash_json(source.identity)}.json"
