"""Report section with the answer: which variant is best, what it cost, and whether it is promoted."""

from typing import Any

from data.records.run import RunResults
from reports.common.markdown_text import escape_text
from reports.run.sources import ReportSources
from reports.run.summary import summary_sentences

ANCHOR, TITLE = "answer", "Answer"


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    return {"sentences": summary_sentences(results)}


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the section as lines of Markdown."""
    return [escape_text(" ".join(summary_sentences(results))), ""]
