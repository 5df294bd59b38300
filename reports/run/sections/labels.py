"""Report section on the labels: the label audit, with the images whose label is suspected."""

from typing import Any

from data.records.run import RunResults
from reports.dataset.label_audit_page import load_audit, render_audit_markdown
from reports.run.sources import ReportSources

ANCHOR, TITLE = "labels", "Labels"


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    return {"audit": load_audit(sources.audit, results.classes)}


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the section as Markdown; nothing without an audit."""
    view = load_audit(sources.audit, results.classes)
    return [render_audit_markdown(view.audit, results.classes)] if view else []
