"""The Prefect server as a child command: `python -m flows.server.process HOST PORT [USERS_FILE]`.

With a file of users it ends with the last of them.
"""

import fcntl
import os
import sys
import threading
from pathlib import Path

import uvicorn

from data.system.child_process import EXIT_ORPHANED


def main() -> None:
    """Serve Prefect's API and UI until told to stop or left alone."""
    host, port, *users = sys.argv[1:]
    if users:
        threading.Thread(target=leave_with_last_user, args=(Path(users[0]),), daemon=True).start()
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host=host,
        port=int(port),
        log_level="warning",
    )


def leave_with_last_user(users: Path) -> None:
    """Exit at once when nobody holds a shared lock on the file any more: no run is left to serve."""
    with users.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os._exit(EXIT_ORPHANED)


if __name__ == "__main__":
    main()
