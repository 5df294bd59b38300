"""Logging of a run: the lines of the project's packages beside those of its tasks, and errors without tracebacks."""

import logging

from data.base.errors import PipelineError

LOGGED_ROOMS = ("data", "expectations", "models", "reports", "tasks")

LOG_ENVIRONMENT = {
    "PREFECT_LOGGING_EXTRA_LOGGERS": ",".join(LOGGED_ROOMS),
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}
"""Settings with which Prefect adds lines of these packages to the log of the run that writes them."""


def configure_logs() -> None:
    """Log messages of the project's packages, such as that they wait for another run, and keep the console readable.

    Prefect's own configuration drops everything below WARNING that is not Prefect's.
    """
    for room in LOGGED_ROOMS:
        logging.getLogger(room).setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.addFilter(leave_out_traceback)


def leave_out_traceback(record: logging.LogRecord) -> bool:
    """Remove the traceback of an error that a person has to correct: its message says what to do.

    The console is the last to get a record, so the log that Prefect stores still has the traceback.
    """
    if record.exc_info and isinstance(record.exc_info[1], PipelineError):
        record.exc_info = record.exc_text = None
    return True
