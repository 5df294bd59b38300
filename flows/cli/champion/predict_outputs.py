"""Outputs of `emotion predict`: each takes one answer after the other and keeps none of them."""

import csv
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TextIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from data.base.errors import PipelineError
from data.records.export import ExportBundle
from data.sources.archives.entries import show_name
from data.workspace.atomic import sync_directory, sync_file
from flows.cli.champion.predict_rows import HEADINGS, csv_columns, csv_rows, describe_refusal, table_rows
from flows.cli.terminal import console
from serving.predictor import PictureAnswer
from serving.sources import PHOTO_SUFFIXES

WIDE_COLUMNS = 120
"""Width of the table where there is no terminal."""

FACE_COLUMNS, CERTAINTY_COLUMNS, GAP_COLUMNS = 6, 9, 2
MOST_STEM = 60
"""Characters of a photo's name in the name of its picture."""


class OutputChoice(NamedTuple):
    """Outputs that a person asked for; empty texts are none."""

    json: bool = False
    csv: str = ""
    """Path of the CSV; - is standard output."""

    out: str = ""
    """Folder of the pictures."""

    @property
    def prints_table(self) -> bool:
        """Whether the table goes to standard output: nothing else is printed instead."""
        return not self.json and self.csv != "-"


class Output(Protocol):
    """Place where answers go."""

    def add(self, one: PictureAnswer) -> None:
        """Take the next answer."""
        ...


class TableOutput:
    """Table on the terminal, printed row by row.

    Args:
        console: of the terminal.
        labels: of the network; the longest sets the width of a column.
    """

    def __init__(self, console: Console, labels: tuple[str, ...]) -> None:
        self._console, self._started = console, False
        self._width = console.width if console.is_terminal else max(console.width, WIDE_COLUMNS)
        expression = len("uncertain: ") + max(map(len, labels))
        self._widths = (FACE_COLUMNS, expression, CERTAINTY_COLUMNS, CERTAINTY_COLUMNS)

    def add(self, one: PictureAnswer) -> None:
        """Print the rows of a photo, below the headings if it is the first; a line if it could not be read."""
        if refusal := describe_refusal(one.answer):
            self._console.print(f"[yellow]not read[/] {escape(show_path(refusal))}", highlight=False, soft_wrap=True)
            return
        table = Table(show_header=not self._started, box=None, padding=(0, GAP_COLUMNS, 0, 0), width=self._width)
        free = self._width - sum(self._widths) - len(HEADINGS) * GAP_COLUMNS
        first = max(16, free * 2 // 3)
        for heading, width in zip(HEADINGS, (first, *self._widths, max(10, free - first)), strict=True):
            table.add_column(heading, width=width, justify=_side(heading), overflow="fold")
        for name, *cells in table_rows(one.answer):
            table.add_row(*(escape(cell) for cell in (show_path(name), *cells)))
        self._console.print(table, highlight=False, width=self._width, crop=False)
        self._started = True


def _side(heading: str) -> Literal["left", "right"]:
    return "right" if heading in ("certainty", "is a face") else "left"


class JsonOutput:
    """One JSON object a line: the record of a photo."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def add(self, one: PictureAnswer) -> None:
        """Write a photo."""
        self._file.write(one.answer.model_dump_json() + "\n")
        self._file.flush()


class CsvOutput:
    """CSV with a row for each face, and one for a photo without a face.

    Args:
        file: opened with newline="".
        bundle: of the network, for the names of the columns.
    """

    def __init__(self, file: TextIO, bundle: ExportBundle) -> None:
        self._bundle = bundle
        self._writer = csv.DictWriter(file, csv_columns(bundle), lineterminator="\n")
        self._writer.writeheader()

    def add(self, one: PictureAnswer) -> None:
        """Write the rows of a photo."""
        self._writer.writerows(csv_rows(one.answer, self._bundle))


class PicturesOutput:
    """Folder of the photos with their answers drawn on them, at most 1600 pixels wide or high.

    Args:
        folder: new or empty.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._number = folder, 0

    def add(self, one: PictureAnswer) -> None:
        """Write the picture of a photo; one that could not be read has none."""
        from serving.annotate import draw_answer

        self._number += 1
        if one.picture is None:
            return
        path = Path(one.answer.source)
        stem = path.stem if path.suffix.lower() in PHOTO_SUFFIXES else path.name
        name = re.sub(r"[^\w.=-]+", "_", stem)[:MOST_STEM]
        draw_answer(one.answer, one.picture).save(self._folder / f"{self._number:05}-{name}.jpg", quality=90)


def open_outputs(stack: ExitStack, choice: OutputChoice, bundle: ExportBundle) -> list[Output]:
    """Open the outputs that a person asked for, until the stack is closed.

    Raises:
        PipelineError: two of them print, or one cannot be written.
    """
    if choice.json and choice.csv == "-":
        raise PipelineError("got --json and --csv -, which both print: give one of them, or a file for the CSV")
    outputs: list[Output] = [TableOutput(console, bundle.data_format.labels)] if choice.prints_table else []
    if choice.json:
        outputs.append(JsonOutput(sys.stdout))
    if choice.out:
        outputs.append(PicturesOutput(_make_folder(choice.out)))
    if choice.csv:
        outputs.append(CsvOutput(stack.enter_context(_csv_file(choice.csv)), bundle))
    return outputs


def _make_folder(out: str) -> Path:
    """Make a folder that a person named, which must hold nothing that could be overwritten.

    Raises:
        PipelineError: it holds something, is a file, or cannot be made.
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise PipelineError(f"got --out {out}, which is not empty, expected a new or empty folder: name another")
    except OSError as error:
        raise PipelineError(f"got --out {out}, expected a folder that can be made ({error}): name another") from error
    return folder


@contextmanager
def _csv_file(path: str) -> Iterator[TextIO]:
    """Open a CSV for writing: - is standard output; a file gets its name when it is whole.

    Raises:
        PipelineError: the file cannot be written.
    """
    if path == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    target = Path(path)
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        file = temporary.open("w", newline="", encoding="utf-8")
    except OSError as error:
        raise PipelineError(f"got --csv {path}, which cannot be written ({error}): name another file") from error
    try:
        with file:
            yield file
        sync_file(temporary)
        temporary.replace(target)
        sync_directory(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def show_path(path: str) -> str:
    """Return a path as a terminal may show it: without characters that control it."""
    return path if path.isprintable() else show_name(path)
