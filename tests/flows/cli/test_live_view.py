"""The live view of a run: what its rows say, that it fits the terminal, and that only a terminal has it."""

import io
import logging
import os

import pytest
from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console
from rich.text import Text
from rich.theme import Theme

from data.records.events import ExamplesWritten
from flows.cli.live_view import LiveView, find_terminal, live_view
from models.jobs.events import EpochEnded, Evaluating, ImagesPassed, Measuring, Planned, Resumed, TrainingDone
from tasks.support.progress import TaskEnded, TaskEvent, TaskRunning, _watchers

ESCAPE = "\x1b"
PLANNED = Planned(
    precision="float32",
    threads=1,
    steps_per_epoch=10,
    total_steps=80,
    epochs=8,
    budget_seconds=0,
    measured={},
    monitor="selection",
)
EPOCH = EpochEnded(
    epoch=3,
    epochs=8,
    fraction=0.375,
    loss=1.0,
    accuracy=0.6,
    monitor_loss=1.1,
    monitor_accuracy=0.612,
    best_accuracy=0.654,
    learning_rate=0.1,
    seconds=9.0,
    core_seconds=18.0,
    view=0,
    seconds_left=83.9,
)


def make_console(width=80, height=24, no_color=False, file=None) -> Console:
    """Return a console on a terminal whose theme lacks Rich's own names, as Prefect's does."""
    return Console(
        file=file or io.StringIO(),
        width=width,
        height=height,
        no_color=no_color,
        force_terminal=True,
        theme=Theme(inherit=False),
        _environ={"TERM": "xterm"},
    )


def draw(view: LiveView, **options) -> list[str]:
    console = make_console(**options, no_color=True)
    with console.capture() as capture:
        console.print(view)
    return Text.from_ansi(capture.get()).plain.splitlines()


def tell_all(view: LiveView, name: str, *events: TaskEvent) -> None:
    for event in events:
        view(name, event)


def row_of(lines: list[str], name: str) -> str:
    (found,) = [line for line in lines if name in line]
    return found


def test_a_training_shows_its_epoch_its_accuracies_and_what_is_left():
    view = LiveView()
    tell_all(view, "train compact", TaskRunning(), Measuring(precision="float32"), PLANNED)
    assert "epoch 1/8" in row_of(draw(view), "train compact")
    view("train compact", EPOCH)
    lines = draw(view)
    assert "selection" in row_of(lines, "best")
    row = row_of(lines, "train compact")
    for cell in ("epoch 3/8", "━━━", "61.2%", "65.4%", "1:23"):
        assert cell in row
    tell_all(view, "train compact", Evaluating(epoch=3), TrainingDone(accuracy=0.987))
    assert "evaluating" in row_of(draw(view), "train compact")
    view("train compact", TaskEnded("Completed"))
    row = row_of(draw(view), "train compact")
    assert row.startswith("✓ train compact")
    assert "done" in row
    assert "65.4%" in row
    assert "98.7%" not in row  # of validation, on which nobody is to choose
    assert "━" not in row


@pytest.mark.parametrize(
    ("state", "shown"),
    [("Completed", "✓ a stage done"), ("Cached", "✓ a stage cached"), ("Failed", "✗ a stage failed"), ("Skipped", "-")],
)
def test_a_stage_shows_how_it_ended(state, shown):
    view = LiveView()
    tell_all(view, "a stage", TaskRunning(), TaskEnded(state))
    assert " ".join(row_of(draw(view), "a stage").split()).startswith(shown)


def test_a_killed_child_that_starts_anew_is_running_again():
    view = LiveView()
    tell_all(view, "train compact", TaskRunning(), PLANNED, EPOCH, TaskEnded("Failed"))
    tell_all(view, "train compact", TaskRunning(), PLANNED, Resumed(epoch=3, accuracy=0.7))
    row = row_of(draw(view), "train compact")
    assert "epoch 1/8" in row
    assert "70.0%" in row


def test_counted_work_has_a_bar():
    view = LiveView()
    tell_all(view, "build 2 views", TaskRunning(), ExamplesWritten(done=50, total=100))
    tell_all(view, "train vgg16", PLANNED, ImagesPassed(event="features", part="train", done=5, images=10, view=2))
    lines = draw(view)
    assert "━━━━" in row_of(lines, "build 2 views")
    assert "view 2" in row_of(lines, "train vgg16")


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_every_line_fits_the_terminal(width):
    view = LiveView()
    tell_all(view, "train efficientnet_lite0_tuned (seed 43)", TaskRunning(), PLANNED, EPOCH)
    lines = draw(view, width=width)
    assert len(lines) == 3
    assert max(map(len, lines)) == min(width - 2, 120)  # ^C has room
    assert "epoch 3/8" in lines[-1]


def test_ended_stages_make_room_on_a_low_terminal_until_the_end():
    view = LiveView()
    tell_all(view, "train compact", TaskRunning(), PLANNED, TaskEnded("Completed"))
    for number in range(20):
        state = "Cached" if number < 9 else "Failed" if number == 9 else "Completed"
        tell_all(view, f"stage {number}.", TaskRunning(), TaskEnded(state))
    view("stage 20.", TaskRunning())
    lines = draw(view, height=24)
    assert len(lines) < 24
    assert "  8 more done, 8 of them cached" in lines
    for name in ("train compact", "stage 8.", "stage 9.", "stage 20."):
        assert row_of(lines, name)
    view.folds = False
    assert row_of(draw(view, height=24), "stage 0.")


def test_colours_are_left_out_where_nobody_wants_them():
    view, console = LiveView(), make_console(no_color=True)
    tell_all(view, "a stage", TaskRunning(), TaskEnded("Failed"))
    with console.capture() as capture:
        console.print(view)
    assert f"{ESCAPE}[31m" not in capture.get()


def test_an_interrupted_view_gives_the_cursor_back_and_is_told_no_more():
    output = io.StringIO()
    console = make_console(file=output)
    with pytest.raises(KeyboardInterrupt), live_view(console):
        (view,) = _watchers
        view("validate data", TaskRunning())
        console.print("a line of the log")
        raise KeyboardInterrupt
    shown = output.getvalue()
    assert shown.rfind(f"{ESCAPE}[?25h") > shown.rfind(f"{ESCAPE}[?25l") >= 0
    assert shown.index("a line of the log") < shown.rindex("validate data")
    assert _watchers == []


@pytest.fixture
def logging_to(monkeypatch):
    """Let the root logger write to a file, as Prefect sets it up."""

    def arrange(file) -> None:
        handler = PrefectConsoleHandler(stream=file, styles={})
        monkeypatch.setattr(logging.getLogger(), "handlers", [handler])

    return arrange


@pytest.fixture
def terminal():
    """A pseudo-terminal, open for writing."""
    reader, writer = os.openpty()
    with os.fdopen(writer, "w") as file:
        yield file
    os.close(reader)


def test_a_terminal_is_drawn_on(logging_to, terminal, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    logging_to(terminal)
    assert find_terminal()


def test_a_dumb_terminal_is_not_drawn_on(logging_to, terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    logging_to(terminal)
    assert find_terminal() is None


def test_a_file_is_not_drawn_on_even_with_colours(logging_to, tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with (tmp_path / "log").open("w") as file:
        logging_to(file)
        assert find_terminal() is None


def test_without_a_terminal_nothing_is_watched():
    with live_view(None):
        assert _watchers == []
