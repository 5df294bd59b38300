"""Report of a run as Markdown: text and tables, for places that cannot show pictures."""

from data.records.run import RunResults
from reports.common.formatting import date_text
from reports.common.markdown_text import escape_text
from reports.run.contents import SECTIONS, Section
from reports.run.sources import ReportSources
from reports.run.summary import cautions

MOVED = {"questions": "seeds", "classes": "confusion", "labels": ""}
"""Anchor -> the section that it precedes in Markdown, or "" for the end; the others are in the order of the page."""


def render_markdown(results: RunResults, sources: ReportSources = ReportSources()) -> str:
    """Write the report of a run as Markdown without images."""
    run = f"{date_text(results.started)}, preset {results.preset}, seed {results.seed}"
    head = escape_text(f"{run}, data from {results.data.source}")
    lines = [f"# Retraining report: {escape_text(results.run_name)}", "", head, ""]
    for caution in cautions(results):
        lines += [f"> **{caution.level}:** {escape_text(caution.text)}", ""]
    return "\n".join(lines + [line for section in _arrange() for line in section.markdown(results, sources)])


def _arrange() -> list[Section]:
    """Put the sections into the order that Markdown shows them in."""
    sections = {section.ANCHOR: section for section in SECTIONS}
    order = [anchor for anchor in sections if anchor not in MOVED]
    for anchor, follower in MOVED.items():
        order.insert(order.index(follower) if follower else len(order), anchor)
    return [sections[anchor] for anchor in order]
