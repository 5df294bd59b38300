"""Report section on the variants without scores: which were skipped or failed, and why."""

from typing import Any

from data.records.run import RunResults
from reports.common.formatting import plural
from reports.common.markdown_text import markdown_table
from reports.run.sources import ReportSources
from reports.run.summary import missing_reason, missing_variants

ANCHOR, TITLE = "missing", "Missing"


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    return {"missing": [(variant, missing_reason(variant)) for variant in missing_variants(results)]}


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the section as lines of Markdown; none if every variant has scores."""
    missing = missing_variants(results)
    if not missing:
        return []
    rows = [[variant.name, variant.status, missing_reason(variant)] for variant in missing]
    return [f"## Missing: {plural(len(rows), 'variant')}", "", *markdown_table(["variant", "status", "why"], rows)]
