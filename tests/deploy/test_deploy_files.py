"""deploy/: what can be checked of compose.yaml and the systemd units without a container engine or a boot."""

import importlib
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

from data.base.paths import PROJECT_ROOT

COMPOSE = yaml.safe_load((PROJECT_ROOT / "deploy" / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
UNITS = sorted((PROJECT_ROOT / "deploy" / "systemd").glob("*.service"))


def test_everything_is_published_on_this_machine_alone():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 5
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_services_wait_for_services_that_say_when_they_are_ready():
    for service in SERVICES.values():
        for name in service.get("depends_on", {}):
            assert "healthcheck" in SERVICES[name]


def test_prefect_and_mlflow_have_databases_of_their_own():
    prefect = SERVICES["server"]["environment"]["PREFECT_API_DATABASE_CONNECTION_URL"]
    mlflow = SERVICES["mlflow"]["environment"]["MLFLOW_BACKEND_STORE_URI"]
    assert prefect.rsplit("/", 1)[-1] == SERVICES["database"]["environment"]["POSTGRES_DB"]
    assert mlflow.rsplit("/", 1)[-1] in (PROJECT_ROOT / "deploy" / "create-mlflow-database.sql").read_text()
    assert prefect.rsplit("/", 1)[-1] != mlflow.rsplit("/", 1)[-1]


def test_volumes_and_commands_exist():
    for service in SERVICES.values():
        names = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert names <= {*COMPOSE["volumes"], "./create-mlflow-database.sql"}
        command = service.get("command", [])
        if command[:2] == ["python", "-m"]:
            assert hasattr(importlib.import_module(command[2]), "main")


def test_every_published_service_asks_for_the_password():
    password = "${EMOTION_PASSWORD}"
    for name in ("server", "reports", "worker", "serve", "review"):
        environment = SERVICES[name]["environment"]
        assert environment["EMOTION_PREFECT_AUTH"] == f"emotion:{password}"
        assert environment["PREFECT_API_AUTH_STRING"].startswith("emotion:${EMOTION_PASSWORD:?")
    assert SERVICES["server"]["environment"]["PREFECT_SERVER_API_AUTH_STRING"] == f"emotion:{password}"
    assert SERVICES["mlflow"]["command"][-2:] == ["--app-name", "basic-auth"]
    assert SERVICES["mlflow"]["environment"]["MLFLOW_AUTH_ADMIN_PASSWORD"] == password
    assert SERVICES["worker"]["environment"]["MLFLOW_TRACKING_PASSWORD"] == password


def test_no_password_is_on_a_command_line():
    for service in SERVICES.values():
        assert "PASSWORD" not in str(service.get("command", "")) + str(service.get("healthcheck", ""))


def test_mlflow_keeps_its_accounts_in_the_volume_and_lets_nobody_else_in():
    settings = ConfigParser()
    name = SERVICES["mlflow"]["environment"]["MLFLOW_AUTH_CONFIG_PATH"]
    settings.read(PROJECT_ROOT / Path(name).relative_to("/opt/emotion"))
    assert settings["mlflow"]["default_permission"] == "NO_PERMISSIONS"
    assert settings["mlflow"]["database_uri"].startswith("sqlite:////var/lib/emotion/")


def test_nothing_phones_home():
    for name in ("server", "worker", "mlflow"):
        assert SERVICES[name]["environment"]["DO_NOT_TRACK"] == "1"
        assert SERVICES[name]["environment"]["MLFLOW_DISABLE_TELEMETRY"] == "true"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_takes_the_units(unit, tmp_path):
    """The paths that the units name are made to exist: whether they do is a matter of the machine."""
    shutil.copy("/bin/true", tmp_path / "emotion")
    text = unit.read_text().replace("/opt/emotion/.venv/bin/emotion", str(tmp_path / "emotion"))
    text = text.replace("User=emotion\n", "")
    (tmp_path / unit.name).write_text(text)
    outcome = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / unit.name], capture_output=True, text=True, check=False
    )
    complaints = [line for line in outcome.stderr.splitlines() if unit.name in line]
    assert complaints == []
