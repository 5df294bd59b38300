"""What a workspace asks of a store that several hosts share; `data.shared_store.tier` answers it."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from data.base.errors import PipelineError
from data.workspace.stage_record import StageRecord


class LeaseLost(PipelineError):
    """Report work that another host took over, because this one seemed to be gone."""


class StageTier(Protocol):
    """Finished stages of other hosts, and the news of who writes one."""

    def lacks(self, stage: str, key: str) -> bool:
        """Tell whether the other hosts have no such stage; one that they have counts as used now."""
        ...

    def fetch(self, stage: str, key: str, directory: Path, make_room: Callable[[int], None]) -> StageRecord | None:
        """Write the files of a stage into an empty directory; return its record, or None if no host has finished it.

        The files are what the record says: a damaged stage counts as missing.

        Args:
            stage: kind of content.
            key: key of the stage.
            directory: empty.
            make_room: called with the size of the files before they are written; raises if there is no room.
        """
        ...

    def push(self, directory: Path) -> None:
        """Give a finished stage to the other hosts, unless they have it; its files must be what its record says."""
        ...

    def writing(
        self, stage: str, key: str, inputs: Iterable[str], give_up: Callable[[], bool]
    ) -> AbstractContextManager[bool]:
        """Tell the other hosts that this one writes a stage; False means that one of them finished it meanwhile.

        Args:
            stage: kind of content.
            key: key of the stage.
            inputs: keys of the stages that it is made from, which nobody may remove meanwhile.
            give_up: called repeatedly while another host writes it; True ends the wait.
        """
        ...

    def save_progress(self, stage: str, key: str, directory: Path, names: Sequence[str], step: int) -> None:
        """Save files of a working directory, from which another host can resume.

        Args:
            stage: kind of content.
            key: key of the stage that is written.
            directory: that has the files.
            names: of the files, as far as they exist.
            step: how far the work is; grows.

        Raises:
            LeaseLost: another host took the work over, so this one has to stop.
        """
        ...

    def load_progress(self, stage: str, key: str, directory: Path, beyond: int) -> int:
        """Put the files from which another host would resume into a working directory, if it is further than this one.

        Args:
            stage: kind of content.
            key: key of the stage that is written.
            directory: gets the files, in place of those that it has.
            beyond: how far the work here is.

        Returns:
            How far the files are; 0 if there are none, or none that are further.
        """
        ...
