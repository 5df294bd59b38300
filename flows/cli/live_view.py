"""Live view of a run on a terminal: one row for each stage, with the progress of trainings, below the scrolling log.

The rows are made from the events that tasks send to their watchers. The log is Prefect's own; the view is drawn on the
same console, so that neither overwrites the other. The theme of that console lacks Rich's style names, so every style
is written out.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from data.records.events import ExamplesWritten
from models.jobs import events
from tasks.support.progress import TaskEnded, TaskEvent, TaskRunning, format_duration, watching

FRAMES_PER_SECOND = 4
FEWEST_ROWS = 4
LOG_ROWS = 10
"""Rows of the terminal that stay free for the log and the headings of the view."""

WIDE_COLUMNS = 100
"""Width from which progress bars are long; on a narrower terminal, names and numbers need the space."""

MOST_COLUMNS = 120
ECHO_COLUMNS = 2
"""Columns that stay free, so that the ^C that a terminal prints does not wrap to a new line."""

MARKS = {"done": ("✓", "green"), "cached": ("✓", "cyan"), "failed": ("✗", "bold red")}
OTHER_MARK = ("-", "yellow")


@dataclass
class StageRow:
    """State of a stage or a training; times are values of `time.monotonic()`, accuracies and shares are 0..1."""

    name: str
    started: float
    ended: float | None = None
    state: str = ""
    share: float | None = None
    """Finished share of the stage's work, if the stage counts it."""

    monitor: str = ""
    """Part of the data on which the accuracies of a training are measured."""

    accuracy: float | None = None
    best: float | None = None
    due: float | None = None
    """Estimated time at which the training ends."""

    def take(self, event: TaskEvent, now: float) -> None:
        """Update the row with an event of the task run or of its child; ignore events that the view does not show."""
        match event:
            case TaskRunning():
                self.ended, self.state = None, "running"  # a second time if a killed child is started again
            case TaskEnded():
                self.ended, self.state = now, event.state.lower().replace("completed", "done")
            case events.Measuring():
                self.state = "measuring"
            case events.Planned():
                self.state, self.monitor, self.share = f"epoch 1/{event.epochs}", event.monitor, 0.0
            case events.Resumed():
                self.best = event.accuracy
            case ExamplesWritten():
                self.share = event.done / event.total
            case events.TrainingProgress() | events.EpochEnded():
                self.state, self.share = f"epoch {event.epoch}/{event.epochs}", event.fraction
                self.due = now + event.seconds_left
            case events.ImagesPassed():
                self.state, self.share = f"view {event.view}", event.done / event.images
            case events.Evaluating():
                self.state, self.share, self.due = "evaluating", 1.0, None
        if isinstance(event, events.EpochEnded):
            self.accuracy, self.best = event.monitor_accuracy, event.best_accuracy


class LiveView:
    """View that keeps a row for every stage with an event, and draws the rows; several threads may send events."""

    def __init__(self) -> None:
        self.folds = True
        """Whether finished stages are folded into one line if the terminal has too few rows."""

        self._rows: dict[str, StageRow] = {}
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._spinner = Spinner("dots", style="cyan")

    def __call__(self, name: str, event: TaskEvent) -> None:
        """Update the row of the task run with this name; this makes the view a watcher."""
        now = time.monotonic()
        with self._lock:
            self._rows.setdefault(name, StageRow(name, now)).take(event, now)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the rows as they are now."""
        now = time.monotonic()
        with self._lock:
            rows = list(self._rows.values())
            title = Text(f"emotion run  {format_duration(now - self._started)}", "bold")
            folded = self._choose_folded(rows, console.height) if self.folds else []
            table = self._draw([row for row in rows if row not in folded], now, options.max_width >= WIDE_COLUMNS)
        width = min(options.max_width - ECHO_COLUMNS, MOST_COLUMNS)
        cached = sum(row.state == "cached" for row in folded)
        note = [Text(f"  {len(folded)} more done, {cached} of them cached", "dim")] if folded else []
        drawn = Group(Rule(title, align="left", style="dim"), *note, table)
        yield from console.render(drawn, options.update(width=width))

    def _choose_folded(self, rows: list[StageRow], height: int) -> list[StageRow]:
        """Choose the finished stages that do not fit: the earliest first, trainings last."""
        ended = sorted((row for row in rows if row.state in ("done", "cached")), key=lambda row: bool(row.monitor))
        excess = len(rows) - max(FEWEST_ROWS, height - LOG_ROWS)
        return ended[:excess] if excess > 0 else []

    def _draw(self, rows: list[StageRow], now: float, wide: bool) -> Table:
        monitors = [row.monitor for row in rows if row.monitor]
        table = Table(box=None, expand=True, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
        table.add_column("", width=1)
        table.add_column("stage", ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column("state", width=11, no_wrap=True)
        table.add_column("", width=24 if wide else 8)
        headings = (monitors[0], "best") if monitors else ("", "")
        for heading in (*headings, "time", "left"):
            table.add_column(heading, justify="right", min_width=5, no_wrap=True)
        for row in rows:
            mark, style = MARKS.get(row.state, OTHER_MARK) if row.ended is not None else ("", "")
            table.add_row(
                Text(mark, style) if mark else self._spinner,
                Text(row.name),
                Text(row.state, style),
                _draw_bar(row),
                *_number_cells(row, now),
            )
        return table


def _draw_bar(row: StageRow) -> ProgressBar | str:
    if row.share is None or row.ended is not None:
        return ""
    return ProgressBar(1.0, row.share, style="grey37", complete_style="cyan", finished_style="green")


def _number_cells(row: StageRow, now: float) -> list[str]:
    """Return accuracy, best accuracy, time taken and time left."""
    shares = ["" if share is None else f"{share:.1%}" for share in (row.accuracy, row.best)]
    left = "" if row.due is None or row.ended is not None else format_duration(max(0.0, row.due - now))
    return [*shares, format_duration((row.ended or now) - row.started), left]


def find_terminal() -> Console | None:
    """Return the console of Prefect's log if it is a terminal that can be redrawn, else None.

    A file is not a terminal, even if FORCE_COLOR asks for colours.
    """
    handlers = logging.getLogger().handlers
    consoles = [handler.console for handler in handlers if isinstance(handler, PrefectConsoleHandler)]
    return next((console for console in consoles if console.is_interactive and console.file.isatty()), None)


@contextmanager
def live_view(console: Console | None) -> Iterator[None]:
    """Show the stages of this process on the console while the block runs; show nothing without a console.

    However the block ends, the terminal then shows all stages and its cursor again.
    """
    if console is None:
        yield
        return
    view = LiveView()
    with watching(view), Live(view, console=console, refresh_per_second=FRAMES_PER_SECOND):
        try:
            yield
        finally:
            view.folds = False
