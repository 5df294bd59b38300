"""Report section on the last report: what changed since the previous run on the same source."""

from typing import Any

from data.records.run import RunResults
from reports.common.markdown_text import escape_text
from reports.difference.page import describe_difference, difference_lines, since_sentence
from reports.run.sources import ReportSources

ANCHOR, TITLE = "since", "Since the last"


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    since = results.analysis.since_last if results.analysis else None
    if since is None:
        return {"difference": None}
    return {"difference": since, "since_sentence": since_sentence(since), **describe_difference(since)}


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the section as lines of Markdown; none if this is the first report on its source."""
    since = results.analysis.since_last if results.analysis else None
    if since is None:
        return []
    lines = ["## Since the last report", "", escape_text(since_sentence(since)), ""]
    return lines + difference_lines(since, "###")
