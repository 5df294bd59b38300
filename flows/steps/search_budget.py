"""Budget of a search in trials and minutes, and the check of a search before it starts."""

import time
from pathlib import Path

from data.base.errors import PipelineError


def check_search(minutes: float, trial_minutes: float, out: str) -> None:
    """Refuse a search that has no time for a trial, or whose preset file cannot be written.

    Args:
        minutes: wall time of the whole search.
        trial_minutes: training time of one trial.
        out: path of the preset file, or empty.

    Raises:
        PipelineError: there is no time for a trial, or the file cannot be written.
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
