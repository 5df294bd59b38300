"""Parts that `emotion up` keeps running: their commands, their addresses, and the check that their ports are free."""

import os
import socket
import sqlite3
import sys
from configparser import ConfigParser
from contextlib import closing
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

import psutil
import requests

from data.base.errors import PipelineError
from data.workspace.atomic import write_atomically
from data.workspace.layout import MLFLOW_DATABASE, MLFLOW_FOLDER
from flows.server.environment import LOOPBACK
from flows.server.own_hosts import ANY_ADDRESS, own_hosts
from flows.server.password import mlflow_login
from flows.settings import Settings, name_variable
from models.registry.connection import EXPERIMENT, URI_VARIABLE
from models.registry.relocation import follow_move

POOL = "emotion"
SCRIPTS = Path(sys.executable).parent


class Part(NamedTuple):
    """One part: its command, and its port if it listens."""

    name: str
    command: tuple[str, ...]
    setting: str = ""
    """Name of the setting of its port."""
    port: int = 0
    path: str = ""
    """URL path that answers when the part is ready."""


def list_parts(settings: Settings) -> list[Part]:
    """Return the parts in the order of their start, without MLflow's UI if MLFLOW_TRACKING_URI names another server."""
    python, host, workspace = sys.executable, settings.host, settings.workspace.resolve()
    server = (python, "-m", "flows.server.process", host, str(settings.prefect_port))
    worker = (python, "-m", "flows.service.worker", "emotion-up")
    site = (python, "-m", "flows.service.report_site", host, str(settings.reports_port), str(workspace))
    serve = (python, "-m", "flows.service.serve_site", host, str(settings.serve_port), str(workspace))
    review = (python, "-m", "flows.service.review_site", host, str(settings.review_port), str(workspace))
    parts = [
        Part("server", server, "prefect_port", settings.prefect_port, "/api/health"),
        Part("reports", site, "reports_port", settings.reports_port, "/reports/"),
        Part("serve", serve, "serve_port", settings.serve_port, "/"),  # /health is ready only with a champion
        Part("review", review, "review_port", settings.review_port, "/health"),
        Part("mlflow", _mlflow_command(settings), "mlflow_port", settings.mlflow_port, "/health"),
        Part("worker", worker),
    ]
    return [part for part in parts if part.name != "mlflow" or not os.environ.get(URI_VARIABLE)]


def _mlflow_command(settings: Settings) -> tuple[str, ...]:
    folder = mlflow_folder(settings.workspace)
    store = ("--backend-store-uri", f"sqlite:///{folder / MLFLOW_DATABASE}")
    artifacts = ("--artifacts-destination", str(folder / "artifacts"))
    place = ("--host", settings.host, "--port", str(settings.mlflow_port), "--workers", "1")
    return (str(SCRIPTS / "mlflow"), "server", *store, *artifacts, *place, "--app-name", "basic-auth")


def mlflow_folder(workspace: Path) -> Path:
    """Return the folder of MLflow's database and artifacts."""
    return workspace.resolve() / MLFLOW_FOLDER


def configure_mlflow(settings: Settings) -> dict[str, str]:
    """Create MLflow's folder, write who may see its UI, and return the environment of its server."""
    folder = mlflow_folder(settings.workspace)
    (folder / "artifacts").mkdir(parents=True, exist_ok=True)
    follow_move(settings.workspace, EXPERIMENT)
    user, _, password = mlflow_login(settings).partition(":")
    users, config = folder / "users.db", folder / "auth.ini"
    if users.exists():
        renew_administrator(users, user, password, _administrator_of(config))
    uri = f"sqlite:///{users}".replace("%", "%%")
    written = f"[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = {uri}\nadmin_username = {user}\n"
    write_atomically(config, written)
    return {
        **_mlflow_hosts(settings),
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_AUTH_ADMIN_USERNAME": user,
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": token_hex(32),
    }


def renew_administrator(users: Path, user: str, password: str, former: str) -> None:
    """Give MLflow's administrator the present password, and lock a former one out; other accounts stay.

    MLflow itself sets the password only when it creates the account.

    Args:
        users: MLflow's database of accounts.
        user: name of the administrator.
        password: of the administrator.
        former: name of the administrator at the last start; empty if it is not known, and then no account stays.
    """
    from werkzeug.security import check_password_hash, generate_password_hash

    if not former:
        users.unlink()
        return
    with closing(sqlite3.connect(users)) as database, database:
        if former != user:
            database.execute("UPDATE users SET is_admin = 0, password_hash = '' WHERE username = ?", (former,))
        stored = database.execute("SELECT password_hash FROM users WHERE username = ?", (user,)).fetchone()
        if stored and not check_password_hash(stored[0], password):
            change = "UPDATE users SET is_admin = 1, password_hash = ? WHERE username = ?"
            database.execute(change, (generate_password_hash(password), user))


def _administrator_of(config: Path) -> str:
    """Return the administrator at the last start; empty if the configuration is missing or older than that entry."""
    parser = ConfigParser(interpolation=None)
    parser.read(config)
    return parser.get("mlflow", "admin_username", fallback="")


def _mlflow_hosts(settings: Settings) -> dict[str, str]:
    """Return which hosts a request to MLflow may name, and whose pages may send one."""
    names, port = settings.listed_host_names(), settings.mlflow_port
    hosts = own_hosts(settings.host, names)
    behind_proxy = [f"{name}:*" for name in names]
    origins = [f"http://{host}:{port}" for host in hosts]
    origins += [f"{scheme}://{name}{end}" for name in names for scheme in ("http", "https") for end in ("", ":*")]
    return {
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join([*hosts, *(f"{host}:{port}" for host in hosts), *behind_proxy]),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins),
    }


def address(part: Part, settings: Settings) -> str:
    """Return the URL of a part on this machine, or an empty string if it does not listen."""
    host = LOOPBACK if settings.host in ANY_ADDRESS else settings.host
    return f"http://{host}:{part.port}" if part.port else ""


def addresses(settings: Settings) -> dict[str, str]:
    """Return the URL of each part that listens, and the URL of MLflow even if `emotion up` does not run it."""
    found = {part.name: address(part, settings) for part in list_parts(settings) if part.port}
    return found if "mlflow" in found else {**found, "mlflow": os.environ[URI_VARIABLE]}


def is_ready(part: Part, settings: Settings) -> bool:
    """Tell whether a part that listens is ready; an answer that asks for a password counts as ready."""
    try:
        return requests.get(address(part, settings) + part.path, timeout=2).status_code in (200, 401)
    except requests.RequestException:
        return False


def require_free_ports(settings: Settings) -> None:
    """Check that each part can listen on its port.

    Raises:
        PipelineError: a port is taken, or two parts share one; the message names the port, who has it, and the setting.
    """
    parts = [part for part in list_parts(settings) if part.port]
    for part in parts:
        others = [other.setting for other in parts if other.port == part.port and other is not part]
        taken = name_variable(others[0]) if others else taken_by(settings.host, part.port)
        if taken:
            raise PipelineError(
                f"got port {part.port} on {settings.host} for {part.name}, which {taken} has already: stop that, or "
                f"set {name_variable(part.setting)} to another port"
            )


def taken_by(host: str, port: int) -> str:
    """Return who listens on a port, or an empty string if it is free."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the parts do
        try:
            probe.bind((host, port))
            return ""
        except OSError as error:
            return _listener(port) or f"something ({error.strerror})"


def _listener(port: int) -> str:
    for connection in psutil.net_connections("tcp"):
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr
        if listens and listens.port == port and connection.pid:
            return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""
