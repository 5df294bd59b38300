"""Prefect server as a child command: `python -m flows.server.process HOST PORT [USERS_FILE]`.

If a file of users is given, the server ends when its last user leaves.
"""

import fcntl
import os
import sys
import threading
from pathlib import Path

import uvicorn

from data.system.child_process import EXIT_ORPHANED


def main() -> None:
    """Serve Prefect's API and UI until told to stop, or until the last user leaves."""
    host, port, *users = sys.argv[1:]
    if users:
        threading.Thread(target=exit_with_last_user, args=(Path(users[0]),), daemon=True).start()
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host=host,
        port=int(port),
        log_level="warning",
    )


def exit_with_last_user(users: Path) -> None:
    """Exit as soon as no process holds a shared lock on the file: then no run needs the server."""
    with users.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os._exit(EXIT_ORPHANED)


if __name__ == "__main__":
    main()
