"""Environment variables of the Prefect server and of its clients."""

from pathlib import Path

from flows.logs import LOG_ENVIRONMENT
from flows.settings import Settings, load_settings

API_URL_VARIABLE = "PREFECT_API_URL"

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
prefect.yaml repeats them for runs that a worker starts."""


def server_environment(workspace: Path) -> dict[str, str]:
    """Return the settings with which a server of this project and its runs store everything in the workspace."""
    home, settings = _home(workspace), load_settings()
    return {
        **auth_environment(settings),
        "PREFECT_HOME": str(home),
        "PREFECT_API_DATABASE_CONNECTION_URL": _database_url(settings, home),
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
    }


def auth_environment(settings: Settings) -> dict[str, str]:
    """Return the settings with which a server asks for EMOTION_PREFECT_AUTH and its clients send it."""
    auth = settings.prefect_auth.get_secret_value()
    return dict.fromkeys(("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"), auth) if auth else {}


def _database_url(settings: Settings, home: Path) -> str:
    """Return the URL of the server's database; a PostgreSQL URL gets the driver that Prefect needs."""
    url = settings.database_url.get_secret_value()
    scheme, _, rest = url.partition("://")
    if scheme in ("postgres", "postgresql"):
        return f"postgresql+asyncpg://{rest}"
    return url or f"sqlite+aiosqlite:///{home / 'prefect.db'}"


def _home(workspace: Path) -> Path:
    return workspace.resolve() / "prefect"
