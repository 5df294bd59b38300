"""Budget of a search in trials and minutes, and the check of a search before it starts."""

import time
from pathlib import Path

from data.base.errors import PipelineError
from data.records.search import PRESET_NAME
from data.workspace.layout import SEARCHES_STAGE


def check_search(minutes: float, trial_minutes: float, out: str, workspace: Path) -> None:
    """Refuse a search that has no time for a trial, or whose preset file cannot or must not be written.

    Args:
        minutes: wall time of the whole search.
        trial_minutes: training time of one trial.
        out: path of the preset file, or empty.
        workspace: with the presets of earlier searches, which may be replaced.

    Raises:
        PipelineError: there is no time for a trial, the file cannot be written, or it is another file of a person.
    """
    if trial_minutes > minutes:
        raise PipelineError(
            f"got {minutes:g} minutes for a search whose trials take {trial_minutes:g}, expected enough for one "
            "trial: give more minutes, or fewer to a trial"
        )
    path = Path(out)
    if out and (path.is_dir() or not path.parent.is_dir()):
        reason = "which is a folder" if path.is_dir() else "whose folder does not exist"
        raise PipelineError(f"got out {out!r}, {reason}; expected the path of a file in a folder that exists")
    if out and path.exists() and not _found_by_a_search(path, workspace):
        raise PipelineError(
            f"got out {out!r}, a file that exists and is not the preset of a search in {workspace}, expected a new "
            "file or such a preset: choose another path, or remove the file first"
        )


def _found_by_a_search(path: Path, workspace: Path) -> bool:
    """Tell whether a file equals a preset that a search stored in the workspace, so that nothing is lost with it."""
    content = path.read_bytes()
    return any(found.read_bytes() == content for found in (workspace / SEARCHES_STAGE).glob(f"[!.]*/{PRESET_NAME}"))


class SearchBudget:
    """Budget of a search: the number of trials and the wall time that it may use.

    Args:
        trials: largest number of trials, including those of earlier processes.
        minutes: longest wall time from `started` on; a trial that would not fit is not started.
        trial_minutes: longest training of one trial. The evaluation adds to it: if a trial took longer in
            all, its duration is expected of the next one.
        started: `time.time()` at the beginning.
    """

    def __init__(self, trials: int, minutes: float, trial_minutes: float, started: float) -> None:
        self.trials, self.deadline = trials, started + 60 * minutes
        self.longest_seconds = 60 * trial_minutes

    def has_time_for_another(self, started: int) -> bool:
        """Return whether another trial may start after `started` trials."""
        return started < self.trials and time.time() + self.longest_seconds <= self.deadline

    def record_duration(self, seconds: float) -> None:
        """Record how long a trial took in all."""
        self.longest_seconds = max(seconds, self.longest_seconds)
