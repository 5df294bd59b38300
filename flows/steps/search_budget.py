"""What a search may cost, and that its result can be written: checked before anything starts."""

import time
from pathlib import Path

from data.base.errors import PipelineError


def check_search(minutes: float, trial_minutes: float, out: str) -> None:
    """Refuse a search that has no time for a trial, or whose preset file cannot be written.

    Args:
        minutes: of wall time in all.
        trial_minutes: of training of one trial.
        out: path of the preset file, or empty.

    Raises:
        PipelineError: it is one of these.
    """
    if trial_minutes > minutes:
        raise PipelineError(
            f"got {minutes:g} minutes for a search whose trials take {trial_minutes:g}, expected enough for one "
            "trial: give more minutes, or fewer to a trial"
        )
    path = Path(out)
    if out and (path.is_dir() or not path.parent.is_dir()):
        reason = "which is a folder" if path.is_dir() else "whose folder is not there"
        raise PipelineError(f"got out {out!r}, {reason}; expected the path of a file in a folder that is there")


class SearchBudget:
    """How long a search goes on.

    Args:
        trials: most of them, those of earlier processes included.
        minutes: most wall time from `started` on; no trial begins that would not fit.
        trial_minutes: most training of one trial. Its evaluation comes on top: how long trials take in all is learnt
            from those that ended.
        started: `time.time()` at the beginning.
    """

    def __init__(self, trials: int, minutes: float, trial_minutes: float, started: float) -> None:
        self.trials, self.deadline = trials, started + 60 * minutes
        self.longest_seconds = 60 * trial_minutes

    def allows(self, begun: int) -> bool:
        """Return whether another trial may begin after so many."""
        return begun < self.trials and time.time() + self.longest_seconds <= self.deadline

    def learn(self, seconds: float) -> None:
        """Take how long a trial took in all."""
        self.longest_seconds = max(seconds, self.longest_seconds)
