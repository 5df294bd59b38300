"""Report section on exports: the formats of each exported variant, compared with its network."""

from typing import Any

from data.records.run import RunResults
from reports.common.markdown_text import escape_text, markdown_table
from reports.run.sources import ReportSources

ANCHOR, TITLE = "exports", "Exports"


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows; nothing if no variant is exported."""
    sentences = export_sentences(results)
    if not sentences:
        return {}
    tables = [(bundle.variant, [one.describe() for one in bundle.formats]) for bundle in results.exports]
    return {"export_sentences": sentences, "export_tables": tables}


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the section as lines of Markdown; none if no variant is exported."""
    sentences = export_sentences(results)
    if not sentences:
        return []
    lines = ["## Exports", "", escape_text(" ".join(sentences)), ""]
    for bundle in results.exports:
        rows = [one.describe() for one in bundle.formats]
        lines += [
            f"### {escape_text(bundle.variant)}",
            "",
            *markdown_table(list(rows[0]), [[*row.values()] for row in rows]),
        ]
    return lines


def export_sentences(results: RunResults) -> list[str]:
    """Say which formats are offered, and whether the export of the challenger failed."""
    exported, said = {bundle.variant_key for bundle in results.exports}, []
    if exported:
        said.append(
            "A format is offered if it answers as the network does on all validation images: with float32 no "
            "probability differs by more than 0.0001 and no answer or refusal changes; for int8, an exact McNemar test "
            "finds no loss of accuracy, and at most 5% of the answers change."
        )
    decision = results.decision
    if decision and decision.outcome != "keep" and decision.challenger.key not in exported:
        said.append(
            f"{decision.challenger.variant} could not be exported; the log of the run says why, and emotion export "
            "tries again."
        )
    return said
