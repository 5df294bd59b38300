"""Page of benchmark figures: one section per row, replaced when the row is measured again."""

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
    """Replace a row's section of the page, or append it if the page has none.

    The remarks that a person wrote below the table are kept: all text from the first line that starts with "Remark:".
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
    """Format a row's section: target, figure, table, date and machine."""
    machine = describe_hardware()
    verdict = "met" if outcome.met else "not met"
    return (
        f"{title}\n"
        f"Target: {row.target}. **Measured: {outcome.summary}; {verdict}.**\n\n"
        f"{format_table(outcome.table)}\n"
        f"`make bench ROW={name}`, {time.strftime('%Y-%m-%d')}, {machine['processor']}, {machine['cores']} cores.\n\n"
    )


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Format rows with the same keys as a Markdown table."""
    lines = table_lines(list(rows[0]), [[str(value) for value in row.values()] for row in rows])
    return "".join(f"{line}\n" for line in lines)


def _remark_of(section: str) -> str:
    start = section.find("\nRemark:")
    return section[start + 1 :] if start >= 0 else ""
