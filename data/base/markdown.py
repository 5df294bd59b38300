"""Markdown tables and text, for every page and list that the project writes."""

import html
from collections.abc import Collection, Iterable, Sequence


def one_line(text: str) -> str:
    """Put text on one line and escape its tags, so that, for example, a folder's name is never shown as HTML."""
    return html.escape(" ".join(text.split()), quote=False)


def table_lines(header: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Return the lines of a table whose cells are Markdown already.

    Args:
        header: column names.
        rows: cells, as many in each row as there are names.
        right: indices of the columns that are aligned right.

    >>> table_lines(["variant", "images"], [["compact", "32"]], right=[1])
    ['| variant | images |', '| --- | ---: |', '| compact | 32 |']
    """
    rules = ["---:" if column in right else "---" for column in range(len(header))]
    return [f"| {' | '.join(row)} |" for row in (header, rules, *rows)]
