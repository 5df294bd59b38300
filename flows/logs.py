"""What a run logs beside its tasks' own lines, and how it shows errors."""

import logging

from data.base.errors import PipelineError

LOGGED_ROOMS = ("data", "expectations", "models", "reports", "tasks")

LOG_ENVIRONMENT = {
    "PREFECT_LOGGING_EXTRA_LOGGERS": ",".join(LOGGED_ROOMS),
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}
"""Under these Prefect takes up the rooms' lines into the log of the run that they are written in."""


def configure_logs() -> None:
    """Log what the rooms say, such as that they wait for another run, and keep the console readable.

    Prefect's own configuration stops everything below WARNING that is not Prefect's.
    """
    for room in LOGGED_ROOMS:
        logging.getLogger(room).setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.addFilter(leave_out_traceback)


def leave_out_traceback(record: logging.LogRecord) -> bool:
    """Take the traceback from a record of an error that a person has to mend: its message says all there is to do.

    The console is the last to get a record; the log that Prefect keeps has the traceback.
    """
    if record.exc_info and isinstance(record.exc_info[1], PipelineError):
        record.exc_info = record.exc_text = None
    return True
