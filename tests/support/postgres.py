"""A real PostgreSQL server from Debian's package, with its own port and directory."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.up_command import free_port

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def is_installed():
    return bool(BINARIES)


@contextmanager
def postgres_server():
    """Run a server with an empty database `prefect` during the block, and yield its URL."""
    with TemporaryDirectory(prefix="emotion-postgres-") as folder:
        data, port = Path(folder) / "data", free_port()
        data.mkdir()
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "postgres", "postgres")
            shutil.chown(data, "postgres", "postgres")
        _run("initdb", "-D", data, "--auth=trust", "--username=prefect", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        _run("pg_ctl", "-D", data, "-w", "-l", data / "log", "-o", options, "start")
        try:
            _run("createdb", "-h", "127.0.0.1", "-p", port, "-U", "prefect", "prefect")
            yield f"postgresql://prefect@127.0.0.1:{port}/prefect"
        finally:
            _run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _run(program, *arguments):
    lead = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    command = [*lead, str(BINARIES[-1] / program), *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=120)
