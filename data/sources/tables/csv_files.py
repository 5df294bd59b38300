"""CSV files, read row by row with a bound on memory, whatever the separator."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TextIO

from data.base.errors import PipelineError

SEPARATORS = (",", ";", "\t")

MOST_LINE_CHARACTERS = 1 << 19
"""Longest line; the pixels of an image of 224x224 need at most 200,704 characters."""

FIELD_LIMIT = 1 << 19


class CsvTable(NamedTuple):
    """An open CSV."""

    columns: tuple[str, ...]
    """Names of the columns, in order."""
    rows: Iterator[tuple[int, list[str]]]
    """Number of each row, the first one below the header is 1, and its values; blank lines are left out."""


@contextmanager
def open_csv(path: Path) -> Iterator[CsvTable]:
    """Open a CSV that is separated by comma, semicolon or tab; its rows are to be read inside the block.

    Args:
        path: of a text in UTF-8, with a byte order mark or without; gzipped if its name ends with .gz.

    Raises:
        PipelineError: the file is empty, not UTF-8, damaged, or has a row of another length than its header.
    """
    # The csv module has one limit for the whole process, which is too low for large images.
    csv.field_size_limit(max(csv.field_size_limit(), FIELD_LIMIT))
    with _open_text(path) as file:
        rows = _read_fields(file, path)
        columns = next(rows, [])
        if not columns:
            raise PipelineError(f"{path} is empty; expected a header and a row for each image")
        yield CsvTable(tuple(columns), _numbered(rows, len(columns), path))


def _open_text(path: Path) -> TextIO:
    file = gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")  # noqa: SIM115
    return io.TextIOWrapper(file, encoding="utf-8-sig", newline="")  # pyright: ignore[reportArgumentType]


def _read_fields(file: TextIO, path: Path) -> Iterator[list[str]]:
    """Yield the values of each line that is not blank; convert the errors of damaged files."""
    try:
        lines = _bounded_lines(file, path)
        first = next(lines, "")
        separator = max(SEPARATORS, key=first.count)
        yield from filter(None, csv.reader(chain([first], lines), delimiter=separator, strict=True))
    except UnicodeDecodeError as error:
        raise PipelineError(f"{path} is no text in UTF-8 ({error.reason}); save it as CSV in UTF-8") from error
    except (csv.Error, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise PipelineError(f"{path} cannot be read as CSV ({error}); it is damaged: save it again") from error


def _bounded_lines(file: TextIO, path: Path) -> Iterator[str]:
    while line := file.readline(MOST_LINE_CHARACTERS + 1):
        if len(line) > MOST_LINE_CHARACTERS:
            raise PipelineError(
                f"{path} has a line of more than {MOST_LINE_CHARACTERS} characters; expected a line for each image"
            )
        yield line


def _numbered(rows: Iterator[list[str]], width: int, path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, fields in enumerate(rows, start=1):
        if len(fields) != width:
            raise PipelineError(
                f"{path}: row {number} has {len(fields)} values, expected {width} as in the header; correct the row, "
                "and put a value with a separator in it into double quotes"
            )
        yield number, fields
