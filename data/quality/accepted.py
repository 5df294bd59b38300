"""Record of the data set that was accepted last, for each source."""

import logging
from pathlib import Path

from filelock import FileLock
from pydantic import ValidationError

from data.records.dataset import Accepted
from data.sources.source import DatasetSource
from data.workspace.atomic import write_atomically
from data.workspace.digests import hash_json
from data.workspace.layout import ACCEPTED_FOLDER
from data.workspace.store import Produced, Workspace

logger = logging.getLogger(__name__)


def read_accepted(source: DatasetSource, workspace: Workspace) -> Accepted:
    """Return which data set of a source was accepted last; empty keys if there was none or its record is damaged."""
    path = _accepted_path(source, workspace)
    try:
        return Accepted.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Accepted(key="")
    except (OSError, ValidationError) as error:
        logger.warning(
            "%s is damaged (%s): the next data set of its source is accepted without a comparison, which replaces it",
            path,
            error,
        )
        return Accepted(key="")


def write_accepted(dataset: Produced, source: DatasetSource, workspace: Workspace) -> None:
    """Make a data set the accepted one of its source."""
    path = _accepted_path(source, workspace)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        accepted = read_accepted(source, workspace)
        if accepted.key != dataset.key:
            write_atomically(path, Accepted(key=dataset.key, former=accepted.key).model_dump_json())


def _accepted_path(source: DatasetSource, workspace: Workspace) -> Path:
    return workspace.root / ACCEPTED_FOLDER / f"{hash_json(source.identity)}.json"
