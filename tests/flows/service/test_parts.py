"""Settings of `emotion up`: addresses, ports and secrets."""

import os
import socket

import pytest

from data.base.errors import PipelineError
from flows.server.environment import server_environment
from flows.service.parts import addresses, configure_mlflow, list_parts, require_free_ports
from flows.settings import Settings, load_settings, settings_environment
from tests.support.up_command import free_port


def test_a_taken_port_is_named_with_who_has_it_and_the_setting():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = Settings(prefect_port=free_port(), mlflow_port=port, reports_port=free_port())
        with pytest.raises(PipelineError, match=rf"port {port} .*process {os.getpid()}\).*EMOTION_MLFLOW_PORT"):
            require_free_ports(settings)


def test_two_parts_on_one_port_are_refused():
    port = free_port()
    with pytest.raises(PipelineError, match="EMOTION_REPORTS_PORT has already"):
        require_free_ports(Settings(prefect_port=port, mlflow_port=free_port(), reports_port=port))


def test_everything_is_on_loopback_unless_told(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert all(address.startswith("http://127.0.0.1:") for address in addresses(Settings()).values())
    assert set(addresses(Settings())) == {"server", "reports", "mlflow"}
    assert "10.0.0.7" in addresses(Settings(host="10.0.0.7"))["server"]


def test_mlflow_is_not_started_where_another_is_named(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
    assert "mlflow" not in [part.name for part in list_parts(Settings())]
    assert addresses(Settings())["mlflow"] == "http://elsewhere:5000"


def test_no_command_line_and_no_configuration_has_a_secret(monkeypatch, tmp_path):
    secrets = {
        "prefect_auth": "me:hunter-two",
        "mlflow_auth": "me:hunter-three",
        "database_url": "postgresql://a:b4@c/d",
    }
    settings = Settings(workspace=tmp_path, **secrets)
    environment = configure_mlflow(settings)
    words = [word for part in list_parts(settings) for word in part.command]
    for secret in ("hunter", "b4"):
        assert not any(secret in word for word in words)
        assert secret not in (tmp_path / "mlflow" / "auth.ini").read_text()
        assert secret not in repr(settings)
    assert environment["MLFLOW_AUTH_ADMIN_PASSWORD"] == "hunter-three"
    assert settings_environment(settings)["EMOTION_PREFECT_AUTH"] == "me:hunter-two"


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
