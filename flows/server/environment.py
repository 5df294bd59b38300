"""Environment variables of the Prefect server and of its clients."""

from pathlib import Path

from flows.logs import LOG_ENVIRONMENT
from flows.server.password import server_login
from flows.settings import Settings, load_settings

API_URL_VARIABLE = "PREFECT_API_URL"
SERVER_LOGIN_VARIABLE = "PREFECT_SERVER_API_AUTH_STRING"
CLIENT_LOGIN_VARIABLE = "PREFECT_API_AUTH_STRING"

LOOPBACK = "127.0.0.1"

HEARTBEAT_SECONDS = 30
"""Seconds between two heartbeats of a run, the shortest time that Prefect allows."""

RUN_ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
    **LOG_ENVIRONMENT,
}
"""Settings of every run on any server: telemetry off, complete logs, heartbeats on.
The work pool has them too, for runs that a worker starts."""


def server_environment(workspace: Path) -> dict[str, str]:
    """Return the settings with which a server of this project and its runs store everything in the workspace."""
    home, settings = _home(workspace), load_settings()
    return {
        **login_environment(server_login(settings, workspace)),
        "EMOTION_HOST_NAMES": settings.host_names,
        "PREFECT_HOME": str(home),
        "PREFECT_API_DATABASE_CONNECTION_URL": _database_url(settings, home),
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
    }


def login_environment(login: str) -> dict[str, str]:
    """Return the settings with which a server asks for USER:PASSWORD and its clients send it."""
    return dict.fromkeys((SERVER_LOGIN_VARIABLE, CLIENT_LOGIN_VARIABLE), login) if login else {}


def _database_url(settings: Settings, home: Path) -> str:
    """Return the URL of the server's database; a PostgreSQL URL gets the driver that Prefect needs."""
    url = settings.database_url.get_secret_value()
    scheme, _, rest = url.partition("://")
    if scheme in ("postgres", "postgresql"):
        return f"postgresql+asyncpg://{rest}"
    return url or f"sqlite+aiosqlite:///{home / 'prefect.db'}"


def _home(workspace: Path) -> Path:
    return workspace.resolve() / "prefect"
