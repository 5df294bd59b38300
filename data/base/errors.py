"""Errors of the pipeline. Each message says what was found, what was expected and what to do."""

from pathlib import Path


class PipelineError(Exception):
    """Report an error that a person has to correct; repeating the step will not help."""


class TransientError(PipelineError):
    """Report a temporary fault, such as a lost connection; the step may be repeated."""


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
    """Report a variant that cannot be built because its weights are missing; it is skipped with this reason."""


class ChildKilled(PipelineError):
    """Report a child command ended by a signal; started again, it resumes where it stopped."""


class OtherImages(PipelineError):
    """Report that champion and challenger were scored on different images; the caller scores the champion again."""
