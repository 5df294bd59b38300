"""Prefect server as a child command: `python -m flows.server.process HOST PORT [USERS_FILE]`.

If a file of users is given, the server ends when its last user leaves.
"""

import fcntl
import os
import sys
import threading
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from data.system.child_process import EXIT_ORPHANED
from flows.server.connections import ImpatientProtocol
from flows.server.environment import SERVER_LOGIN_VARIABLE
from flows.server.gate import guard
from flows.settings import load_settings


def main() -> None:
    """Serve Prefect's API and UI until told to stop, or until the last user leaves."""
    host, port, *users = sys.argv[1:]
    if not os.environ.get(SERVER_LOGIN_VARIABLE):
        sys.exit(f"got no {SERVER_LOGIN_VARIABLE}, expected USER:PASSWORD: without it, everybody could run commands")
    # Pages of this server need no permission. Prefect's own default permits the pages of every site.
    os.environ.setdefault("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", f"http://{host}:{port}")
    if users:
        threading.Thread(target=exit_with_last_user, args=(Path(users[0]),), daemon=True).start()

    def make_app() -> ASGIApp:
        from prefect.server.api.server import create_app

        return guard(create_app(), host, load_settings().listed_host_names())

    uvicorn.run(
        make_app,
        factory=True,
        host=host,
        port=int(port),
        http=ImpatientProtocol,
        log_level="warning",
    )


def exit_with_last_user(users: Path) -> None:
    """Exit as soon as no process holds a shared lock on the file: then no run needs the server."""
    with users.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os._exit(EXIT_ORPHANED)


if __name__ == "__main__":
    main()
