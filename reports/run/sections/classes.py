"""Report section on the classes: precision, recall and F1 of each variant for each class."""

from typing import Any

from data.records.run import RunResults
from reports.common.formatting import percent
from reports.common.markdown_text import markdown_table
from reports.run.sources import ReportSources
from reports.run.summary import scored_variants

ANCHOR, TITLE = "classes", "Classes"


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    return {"scored": scored_variants(results)}


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the recall of each class as lines of Markdown."""
    variants = scored_variants(results)
    if not variants:
        return []
    rows = [[v.name, *(percent(c.recall) for c in v.parts["validation"].per_class)] for v in variants]
    return ["## Recall of each class on validation", "", *markdown_table(["variant", *results.classes], rows)]
