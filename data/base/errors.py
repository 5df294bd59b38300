"""Errors of the pipeline. Each message says what was got, what was expected and what to do."""

from pathlib import Path


class PipelineError(Exception):
    """Report something that a person has to mend; repeating the step will not help."""


class TransientError(PipelineError):
    """Report a fault that may pass, such as a dropped connection: the step may be repeated."""


class DataRejected(PipelineError):
    """Report a data set that a critical expectation refused: nothing is trained on it.

    Args:
        message: the critical findings.
        verdict: directory of the verdict, with its page and all findings.
    """

    def __init__(self, message: str, verdict: Path | None = None) -> None:
        super().__init__(message)
        self.verdict = verdict


class VariantUnavailable(PipelineError):
    """Report a variant that cannot be built here, for want of weights: it is skipped with this reason."""


class ChildKilled(PipelineError):
    """Report a child command ended by a signal: it resumes where it stopped when started again."""


class OtherImages(PipelineError):
    """Report a champion whose predictions are of other images than the challenger's: it is scored again first."""
