"""Report section with the confusion matrices: how often each class was predicted as each other one."""

from typing import Any

from data.records.run import RunResults
from reports.common.markdown_text import escape_text, markdown_table
from reports.run.sources import ReportSources
from reports.run.summary import best_variant, scored_variants

ANCHOR, TITLE = "confusion", "Confusion"


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    return {"scored": scored_variants(results)}


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the matrix of the best variant as lines of Markdown."""
    best = best_variant(results)
    if best is None:
        return []
    counts = best.parts["validation"].confusion
    rows = [[name, *(f"{cell:,}" for cell in row)] for name, row in zip(results.classes, counts, strict=True)]
    title = f"## Confusion of {escape_text(best.name)} on validation"
    return [title, "", *markdown_table(["true, then predicted as", *results.classes], rows)]
