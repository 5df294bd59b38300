"""Conversion of text and tables to Markdown that shows them unchanged."""

import re
from collections.abc import Iterable, Sequence

from data.base.markdown import one_line, table_lines
from reports.common.formatting import MISSING

LONGEST_FIGURE = 20
"""Characters of a cell that may be a figure with its unit or interval; longer ones are sentences."""


def escape_text(text: str) -> str:
    """Escape text so that Markdown shows it unchanged, on one line: no markup, no HTML, no end of a table cell."""
    return re.sub(r"([\\`*\[\]|])", r"\\\1", one_line(text))


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table, and the empty line that ends it.

    Args:
        header: column names; a column of figures is aligned right.
        rows: cells, as many as there are names.
    """
    cells = [[*row] for row in rows]
    figures = [place for place, column in enumerate(zip(*cells, strict=True)) if _holds_figures(column)]
    escaped = [[escape_text(cell) for cell in row] for row in (header, *cells)]
    return [*table_lines(escaped[0], escaped[1:], figures), ""]


def _holds_figures(cells: Sequence[str]) -> bool:
    """Return whether all cells that are not missing are figures."""
    found = [cell for cell in cells if cell not in ("", MISSING)]
    return bool(found) and all(len(cell) <= LONGEST_FIGURE and cell.lstrip("<+-−≈ ")[:1].isdigit() for cell in found)
