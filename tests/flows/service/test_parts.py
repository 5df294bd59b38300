"""Settings of `emotion up`: addresses, ports and secrets."""

import os
import socket
import sqlite3
from contextlib import closing

import pytest
from werkzeug.security import check_password_hash, generate_password_hash

from data.base.errors import PipelineError
from flows.server.environment import server_environment
from flows.server.password import mlflow_login, server_login
from flows.service.parts import addresses, configure_mlflow, list_parts, renew_administrator, require_free_ports
from flows.settings import Settings, load_settings, settings_environment
from tests.support.up_command import free_port


def test_a_taken_port_is_named_with_who_has_it_and_the_setting():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        others = {name: free_port() for name in ("prefect_port", "reports_port", "serve_port", "review_port")}
        settings = Settings(mlflow_port=port, **others)
        with pytest.raises(PipelineError, match=rf"port {port} .*process {os.getpid()}\).*EMOTION_MLFLOW_PORT"):
            require_free_ports(settings)


def test_two_parts_on_one_port_are_refused():
    port = free_port()
    with pytest.raises(PipelineError, match="EMOTION_REPORTS_PORT has already"):
        others = {name: free_port() for name in ("mlflow_port", "serve_port", "review_port")}
        require_free_ports(Settings(prefect_port=port, reports_port=port, **others))


def test_everything_is_on_loopback_unless_told(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert all(address.startswith("http://127.0.0.1:") for address in addresses(Settings()).values())
    assert set(addresses(Settings())) == {"server", "reports", "serve", "review", "mlflow"}
    assert "10.0.0.7" in addresses(Settings(host="10.0.0.7"))["server"]


def test_mlflow_is_not_started_where_another_is_named(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
    assert "mlflow" not in [part.name for part in list_parts(Settings())]
    assert addresses(Settings())["mlflow"] == "http://elsewhere:5000"


LOGINS = {"prefect_auth": "me:hunter-two", "mlflow_auth": "me:hunter-three"}


@pytest.mark.parametrize("chosen", [True, False])
def test_no_command_line_and_no_configuration_has_a_secret(chosen, tmp_path):
    settings = Settings(workspace=tmp_path, database_url="postgresql://a:b4@c/d", **(LOGINS if chosen else {}))
    environment = configure_mlflow(settings)
    words = [word for part in list_parts(settings) for word in part.command]
    secrets = [login.partition(":")[2] for login in (server_login(settings, tmp_path), mlflow_login(settings))]
    assert all(len(secret) > 8 for secret in secrets)
    for secret in ("b4", *secrets):
        assert not any(secret in word for word in words)
        assert secret not in (tmp_path / "mlflow" / "auth.ini").read_text()
        assert secret not in repr(settings)
    assert environment["MLFLOW_AUTH_ADMIN_PASSWORD"] == secrets[1]
    assert (secrets == ["hunter-two", "hunter-three"]) is chosen
    assert settings_environment(settings)["EMOTION_PREFECT_AUTH"] == (LOGINS["prefect_auth"] if chosen else "")


def make_users(users):
    """Make MLflow's table of accounts, as far as it is read here: an administrator, and a person that he let in."""
    with closing(sqlite3.connect(users)) as database, database:
        database.execute("CREATE TABLE users (username TEXT, password_hash TEXT, is_admin BOOLEAN)")
        rows = [("emotion", generate_password_hash("first"), 1), ("ann", generate_password_hash("hers"), 0)]
        database.executemany("INSERT INTO users VALUES (?, ?, ?)", rows)


def accounts(users):
    with closing(sqlite3.connect(users)) as database:
        return {name: (hashed, admin) for name, hashed, admin in database.execute("SELECT * FROM users")}


def test_accounts_of_mlflow_stay_and_its_administrator_gets_the_present_password(tmp_path):
    users = tmp_path / "users.db"
    make_users(users)
    before = accounts(users)
    renew_administrator(users, "emotion", "first", "emotion")
    assert accounts(users) == before
    renew_administrator(users, "emotion", "second", "emotion")
    after = accounts(users)
    assert after["ann"] == before["ann"]
    assert check_password_hash(after["emotion"][0], "second")
    renew_administrator(users, "ann", "third-password", "emotion")
    after = accounts(users)
    assert (check_password_hash(after["ann"][0], "third-password"), after["ann"][1]) == (True, 1)
    assert after["emotion"] == ("", 0)  # no password opens it


def test_accounts_of_an_unknown_former_administrator_go(tmp_path):
    settings = Settings(workspace=tmp_path)
    configure_mlflow(settings)
    users = tmp_path / "mlflow" / "users.db"
    make_users(users)
    configure_mlflow(settings)
    assert set(accounts(users)) == {"emotion", "ann"}
    (tmp_path / "mlflow" / "auth.ini").write_text("[mlflow]\ndefault_permission = READ\n")  # as we wrote it before
    configure_mlflow(settings)
    assert not users.exists()


def test_mlflow_knows_the_names_by_which_it_may_be_reached(tmp_path):
    found = configure_mlflow(Settings(workspace=tmp_path, mlflow_port=5001, host_names="GPU-box,faces.example"))
    hosts = found["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert {"127.0.0.1:5001", "localhost:5001", "[::1]:5001", "gpu-box:*", "faces.example"} <= set(hosts)
    assert "https://faces.example" in found["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"].split(",")


def test_a_wrong_secret_is_not_shown(monkeypatch):
    monkeypatch.setenv("EMOTION_PREFECT_AUTH", "hunter-two")
    with pytest.raises(PipelineError, match="expected USER:PASSWORD") as caught:
        load_settings()
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("", "sqlite+aiosqlite:////"),
        ("postgresql://a:b@c/d", "postgresql+asyncpg://a:b@c/d"),
        ("postgresql+asyncpg://a:b@c/d", "postgresql+asyncpg://a:b@c/d"),
    ],
)
def test_the_server_keeps_its_runs_where_it_is_told(given, used, monkeypatch, tmp_path):
    monkeypatch.setenv("EMOTION_DATABASE_URL", given)
    assert server_environment(tmp_path)["PREFECT_API_DATABASE_CONNECTION_URL"].startswith(used)


def test_one_setting_is_for_server_and_clients(monkeypatch, tmp_path):
    monkeypatch.setenv("EMOTION_PREFECT_AUTH", "me:hunter-two")
    environment = server_environment(tmp_path)
    assert environment["PREFECT_SERVER_API_AUTH_STRING"] == environment["PREFECT_API_AUTH_STRING"] == "me:hunter-two"
