"""What a workspace asks of a store that several hosts share; `data.shared_store.tier` answers it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from data.workspace.stage_record import StageRecord


class StageTier(Protocol):
    """Finished stages of other hosts, and the news of who writes one."""

    def fetch(self, stage: str, key: str, directory: Path, make_room: Callable[[int], None]) -> StageRecord | None:
        """Write the files of a stage into an empty directory; return its record, or None if no host has finished it.

        Args:
            stage: kind of content.
            key: key of the stage.
            directory: empty.
            make_room: called with the size of the files before they are written; raises if there is no room.
        """
        ...

    def push(self, directory: Path) -> None:
        """Give a finished stage to the other hosts, unless they have it."""
        ...

    def writing(self, stage: str, key: str, give_up: Callable[[], bool]) -> AbstractContextManager[bool]:
        """Tell the other hosts that this one writes a stage; False means that one of them finished it meanwhile."""
        ...

    def save_progress(self, stage: str, key: str, directory: Path, names: Sequence[str], step: int) -> None:
        """Save files of a working directory, from which another host can resume.

        Args:
            stage: kind of content.
            key: key of the stage that is written.
            directory: that has the files.
            names: of the files, as far as they exist.
            step: how far the work is; grows.
        """
        ...

    def find_progress(self, stage: str, key: str) -> int:
        """Return how far another host was with a stage, 0 if nothing is known."""
        ...

    def load_progress(self, stage: str, key: str, directory: Path) -> int:
        """Put the files from which another host would resume into a working directory; return how far they are."""
        ...
