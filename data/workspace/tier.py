"""What a workspace asks of a store that several hosts share; `data.shared_store.tier` answers it."""

from collections.abc import Callable
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
