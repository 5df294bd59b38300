"""Images of a table, and the names that people give to its columns."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from data.base.errors import PipelineError
from data.sources.archives.entries import show_name

Meaning = Literal["label", "split", "path", "pixels", "image"]

COLUMN_NAMES: Mapping[Meaning, Sequence[str]] = {
    "label": ("label", "labels", "emotion", "expression", "class"),
    "split": ("split", "usage", "subset", "set"),
    "path": ("path", "file", "filename", "filepath", "image"),
    "pixels": ("pixels",),
    "image": ("image", "img"),
}
"""Names of columns by what they hold, the preferred one first; case, blanks and punctuation do not count."""

SHOWN_COLUMNS = 12

NO_SPLIT = ""
"""Split of all images of a table that knows none; a table knows splits for all of its images or for none."""


class ImageRow(NamedTuple):
    """One image of a table."""

    split: str
    """As the table names it, or `NO_SPLIT`."""
    label: str
    """As the table names it: a name, or a number as text."""
    name: str
    """Of the file to write, unlike that of any other image of the table."""
    content: bytes | Path
    """The file to write, or where it is."""


def find_column(columns: Sequence[str], meaning: Meaning) -> int | None:
    """Return the position of the column that holds something, or None.

    Examples:
        >>> find_column(["emotion", " Usage", "File Name"], "split"), find_column(["File Name"], "path")
        (1, 0)
        >>> find_column(["id"], "label") is None
        True
    """
    plain = [re.sub(r"[\W_]+", "", column.casefold()) for column in columns]
    return next((plain.index(name) for name in COLUMN_NAMES[meaning] if name in plain), None)


def require_value(text: str, what: str, table: Path, row: int) -> str:
    """Return a value without the blanks around it; refuse an empty one.

    Raises:
        PipelineError: the value is empty.
    """
    if value := text.strip():
        return value
    raise PipelineError(f"{table}: row {row} has no {what}; fill it in, or remove the row")


def read_split(fields: Sequence[str], column: int | None, table: Path, row: int) -> str:
    """Return the split of a row, or `NO_SPLIT` if the table has no column for it.

    Raises:
        PipelineError: the value is empty.
    """
    return NO_SPLIT if column is None else require_value(fields[column], "split", table, row)


def describe_columns(columns: Iterable[str]) -> str:
    """Return the names of columns for a message."""
    names = [show_name(column.strip()) or "(no name)" for column in columns]
    return ", ".join(names[:SHOWN_COLUMNS]) + (", ..." if len(names) > SHOWN_COLUMNS else "") or "none"
