"""Sections of docs/reliability.md, which the tests of faults write if `EMOTION_WRITE_RELIABILITY` is 1."""

import os
from collections.abc import Sequence

from data.base.markdown import table_lines
from data.base.paths import PROJECT_ROOT
from data.workspace.atomic import write_atomically

PAGE = PROJECT_ROOT / "docs" / "reliability.md"
VARIABLE = "EMOTION_WRITE_RELIABILITY"


def write_section(name: str, lines: Sequence[str]) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- end NAME -->`; do nothing without the variable."""
    if os.environ.get(VARIABLE) != "1":
        return
    before, start, rest = PAGE.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end {name} -->")
    if not (start and end):
        raise ValueError(f"{PAGE} has no section {name}")
    write_atomically(PAGE, "".join([before, start, "\n".join(lines), "\n", end, after]))


def write_table(name: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table into a section; the first column is text, the others are figures."""
    write_section(name, table_lines(header, rows, right=range(1, len(header))))
