"""The Prefect server as a child command: `python -m flows.server_child PORT`; it ends with its parent."""

import sys
import threading

import uvicorn

from data.child import leave_with_parent


def main() -> None:
    """Serve Prefect's API and UI on 127.0.0.1 until told to stop or left alone."""
    threading.Thread(target=leave_with_parent, daemon=True).start()
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
    )


if __name__ == "__main__":
    main()
