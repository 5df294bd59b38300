"""The Prefect server as a child command: `python -m flows.server_child PORT USERS_FILE`; it ends with its last user."""

import fcntl
import os
import sys
import threading
from pathlib import Path

import uvicorn

from data.child import EXIT_ORPHANED


def main() -> None:
    """Serve Prefect's API and UI on 127.0.0.1 until told to stop or left alone."""
    threading.Thread(target=leave_with_last_user, args=(Path(sys.argv[2]),), daemon=True).start()
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
    )


def leave_with_last_user(users: Path) -> None:
    """Exit at once when nobody holds a shared lock on the file any more: no run is left to serve."""
    with users.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os._exit(EXIT_ORPHANED)


if __name__ == "__main__":
    main()
