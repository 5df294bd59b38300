"""Names from outside are printed as they are, markup or not; the password goes to terminals alone."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.workspace.prune import KindCount
from flows.cli import printing, terminal
from flows.cli.last_run import RunLine
from flows.server.password import password_path, workspace_login
from flows.service.schedule import ScheduleChoice
from flows.service.supervisor import PartState
from flows.service.up import UpRecord
from flows.settings import Settings
from tests.support.results_factory import make_data, make_results

NAME = r"faces [bold] [/x] [link=x]y :smile: C:\[a] [red"
UP = UpRecord(
    pid=1,
    socket=Path("/s"),
    addresses={"mlflow": f"http://{NAME}"},
    notifications=(f"emotion: {NAME}",),
)


@pytest.fixture
def printed(capsys, monkeypatch):
    """Return what was printed, on a terminal of any width."""
    monkeypatch.setattr(printing.console, "_width", 1000)
    return lambda: capsys.readouterr().out


def print_results(tmp_path):
    results = make_results(tmp_path, trained=1)
    changed = [variant.model_copy(update={"name": NAME, "reason": NAME}) for variant in results.variants]
    printing.print_results(results.model_copy(update={"run_name": NAME, "variants": tuple(changed)}), Path(NAME))


def print_data(tmp_path):
    data = make_data()
    quarantine = tuple(one.model_copy(update={"reason": NAME}) for one in data.quarantine)
    printing.print_data(data.model_copy(update={"source": NAME, "quarantine": quarantine}), Path(NAME))


COUNT = KindCount(kind=NAME, removed=1, removed_bytes=1, kept=1, kept_bytes=1, kept_for={NAME: 1})
PRINTERS = {
    "results": (print_results, 5),
    "data": (print_data, 3),
    "pruned": (lambda _: printing.print_pruned([COUNT], dry_run=True), 2),
    "addresses": (
        lambda path: printing.print_up(UP, ScheduleChoice(on=True, preset=NAME), Settings(workspace=path)),
        3,
    ),
    "parts": (lambda _: printing.print_parts(UP, [PartState("mlflow", "FATAL", 0, NAME)]), 2),
    "last run": (lambda _: printing.print_last_run(RunLine(NAME, NAME, NAME, datetime(2026, 1, 1, tzinfo=UTC))), 3),
}


@pytest.mark.parametrize("what", PRINTERS)
def test_brackets_and_colons_in_a_name_are_shown(what, printed, tmp_path):
    show, times = PRINTERS[what]
    show(tmp_path)
    assert printed().count(NAME) >= times


def test_a_folder_with_brackets_in_its_name_is_shown_in_an_error(printed, capsys):
    terminal.error_console.print(printing.escape(f"got {NAME}"), soft_wrap=True)
    assert NAME in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [True, False])
def test_the_password_is_printed_on_a_terminal_alone(terminal, printed, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    printing.print_login(Settings(workspace=tmp_path))
    shown = printed()
    assert (workspace_login(tmp_path) in shown) is terminal
    assert (str(password_path(tmp_path)) in shown) is not terminal


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (
            {"prefect_auth": "me:one", "mlflow_auth": "me:two"},
            "with EMOTION_PREFECT_AUTH, and with EMOTION_MLFLOW",
        ),
        ({"prefect_auth": "me:one"}, "log in to MLflow: "),
        ({"mlflow_auth": "me:two"}, "log in to Prefect, the reports and the expressions: "),
    ],
)
def test_a_password_of_a_setting_is_named_and_not_shown(chosen, said, printed, tmp_path):
    printing.print_login(Settings(workspace=tmp_path, **chosen))
    shown = printed()
    assert said in shown
    assert "me:" not in shown
