"""The page of figures: one section a row, replaced when the row is measured again."""

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.rows import Outcome, Row
from data.base.markdown import table_lines
from data.system.hardware import describe_hardware
from data.workspace.atomic import write_atomically

HEADING = "## "


def replace_section(page: Path, name: str, row: Row, outcome: Outcome) -> None:
    """Write a row's section over its earlier one, or at the end of the page.

    What a person wrote under a section's table, from a line that begins with "Remark:", is kept.
    """
    head, *sections = re.split(rf"^(?={HEADING})", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    title = f"{HEADING}{row.title}\n"
    places = [index for index, section in enumerate(sections) if section.startswith(title)]
    remark = _remark_of(sections[places[0]]) if places else ""
    section = format_section(title, name, row, outcome) + remark
    if places:
        sections[places[0]] = section
    else:
        sections.append(section)
    text = "\n".join(part.rstrip() + "\n" for part in [head, *sections])
    write_atomically(page, text)


def format_section(title: str, name: str, row: Row, outcome: Outcome) -> str:
    """Return a row's section: bar, figure, table, and where and when it was measured."""
    machine = describe_hardware()
    verdict = "met" if outcome.met else "not met"
    return (
        f"{title}\n"
        f"Bar: {row.bar}. **Measured: {outcome.summary}; {verdict}.**\n\n"
        f"{format_table(outcome.table)}\n"
        f"`make bench ROW={name}`, {time.strftime('%Y-%m-%d')}, {machine['processor']}, {machine['cores']} cores.\n\n"
    )


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows of the same keys as a Markdown table."""
    lines = table_lines(list(rows[0]), [[str(value) for value in row.values()] for row in rows])
    return "".join(f"{line}\n" for line in lines)


def _remark_of(section: str) -> str:
    start = section.find("\nRemark:")
    return section[start + 1 :] if start >= 0 else ""
