"""Report section on the lineage: command, code, machine, versions and stages that the results come from."""

from typing import Any

from data.records.run import RunResults
from reports.common.formatting import MISSING
from reports.common.markdown_text import markdown_table
from reports.run.sources import ReportSources
from reports.run.summary import scored_variants

ANCHOR, TITLE = "lineage", "Lineage"


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    return {"scored": scored_variants(results), "differences": provenance_differences(results)}


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the section as lines of Markdown."""
    facts = {**report_provenance(results), **results.lineage}
    table = markdown_table(["what", "value"], facts.items())
    differences = provenance_differences(results)
    if differences:
        table += ["Variants of an earlier run were trained with something else:", ""]
        table += markdown_table(["variant", "what", "trained with", "this report"], differences)
    # An indented block shows the command as it is, whatever characters it holds.
    command = [f"    {line}" for line in results.command.splitlines()]
    return ["## Lineage", "", *table, "Repeat this run:", "", *command, ""]


def provenance_differences(results: RunResults) -> list[tuple[str, str, str, str]]:
    """List the differences between what each variant was trained with and what the report was made with.

    A variant of an earlier run keeps the provenance of its training.

    Args:
        results: the run.

    Returns:
        Rows of variant, what differs, its value at the training, its value at the report.
    """
    report = report_provenance(results)
    return [
        (name, what, value, report.get(what, MISSING))
        for name, made_with in _training_provenances(results)
        for what, value in made_with.items()
        if value != report.get(what)
    ]


def _training_provenances(results: RunResults) -> list[tuple[str, dict[str, str]]]:
    """Return what each training was made with, also the repeats with other seeds."""
    provenances = []
    for variant in results.variants:
        provenances.append((variant.name, variant.made_with))
        provenances += [(f"{variant.name} (seed {repeat.seed})", repeat.made_with) for repeat in variant.repeats[1:]]
    return provenances


def report_provenance(results: RunResults) -> dict[str, str]:
    """Return what the report was made with, under the same names as in each variant."""
    return {"code": results.code_version, **results.hardware, **results.versions}
