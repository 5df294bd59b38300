"""What a person waits for at once: help and usage errors import nothing heavy, and a command only what it needs."""

import subprocess
import sys

import pytest

from data.base.paths import PROJECT_ROOT

ARRAYS = {"numpy", "pandas", "scipy", "sklearn", "PIL", "h5py"}
NETWORKS = {"tensorflow", "keras"}
SERVICES = {"prefect", "mlflow", "sqlalchemy", "great_expectations", "gdown", "requests", "pydantic_settings"}
HEAVY = ARRAYS | NETWORKS | SERVICES | {"matplotlib"}

LIST_MODULES = """
import sys
from flows.cli.app import main
sys.argv = ["emotion", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    print("ended with", ended.code)
print("imported", *sys.modules)
"""


def imported_by(*arguments: str, **settings: str) -> tuple[set[str], str]:
    """Return the top-level modules that a command imports, and what it printed before."""
    done = subprocess.run(
        [sys.executable, "-c", LIST_MODULES, *arguments],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env=settings or None,
    )
    printed, _, modules = done.stdout.rpartition("imported")
    return {name.partition(".")[0] for name in modules.split()}, printed + done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "Retrain facial-expression classifiers"),
        (["run", "--help"], 0, "--time-budget"),
        (["models", "--help"], 0, "rollback"),
        (["predict", "--help"], 0, "--every"),
        (["run", "--colour"], 2, "No such option"),
        (["retrain"], 2, "No such command"),
        (["run", "--seed", "many"], 2, "Invalid value"),
    ],
)
def test_help_and_usage_errors_import_nothing_heavy(arguments: list[str], code: int, said: str) -> None:
    modules, printed = imported_by(*arguments)
    assert f"ended with {code}" in printed
    assert said in printed
    assert modules & HEAVY == set()


def test_status_imports_neither_prefect_nor_arrays(tmp_path) -> None:
    modules, printed = imported_by("status", EMOTION_WORKSPACE=str(tmp_path / "workspace"))
    assert "is not up" in printed
    assert modules & HEAVY <= {"pydantic_settings", "requests"}


@pytest.mark.parametrize("command", ["doctor", "models list", "down"])
def test_small_commands_import_no_training_and_no_charts(tmp_path, command: str) -> None:
    modules, _ = imported_by(*command.split(), EMOTION_WORKSPACE=str(tmp_path / "workspace"))
    assert modules & (NETWORKS | {"matplotlib", "sklearn", "great_expectations"}) == set()
