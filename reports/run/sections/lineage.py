"""Report section on the lineage: command, code, machine, versions and stages that the results come from."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from data.records.run import RunResults
from data.records.training import ProcessorSpan
from reports.common.formatting import MISSING, join_names
from reports.common.markdown_text import escape_text, markdown_table
from reports.run.sources import ReportSources
from reports.run.summary import scored_variants

ANCHOR, TITLE = "lineage", "Lineage"


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    return {
        "scored": scored_variants(results),
        "differences": provenance_differences(results),
        "moves": processor_sentences(results),
    }


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the section as lines of Markdown."""
    facts = {**report_provenance(results), **results.lineage}
    table = markdown_table(["what", "value"], facts.items())
    differences = provenance_differences(results)
    if differences:
        table += ["Variants of an earlier run or of another host were trained with something else:", ""]
        table += markdown_table(["variant", "what", "trained with", "this report"], differences)
    moves = [line for sentence in processor_sentences(results) for line in (escape_text(sentence), "")]
    # An indented block shows the command as it is, whatever characters it holds.
    command = [f"    {line}" for line in results.command.splitlines()]
    return ["## Lineage", "", *table, *moves, "Repeat this run:", "", *command, ""]


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


def processor_sentences(results: RunResults) -> list[str]:
    """Say of each training that moved between models of processor which epochs had which; of the others, nothing."""
    spans = {variant.name: variant.trained_on for variant in results.variants}
    for variant in results.variants:
        spans |= {f"{variant.name} (seed {repeat.seed})": repeat.trained_on for repeat in variant.repeats[1:]}
    moved = [_processor_sentence(name, of_training) for name, of_training in spans.items()]
    return [sentence for sentence in moved if sentence]


def _processor_sentence(name: str, spans: Sequence[ProcessorSpan]) -> str:
    models = [(model, list(runs)) for model, runs in groupby(spans, lambda span: span.processor)]
    if len(models) < 2:
        return ""
    places = [f"on {model} {_epochs(runs[0].first_epoch, runs[-1].last_epoch)}" for model, runs in models]
    places[0] = f"on {models[0][0]} up to epoch {models[0][1][-1].last_epoch}"
    places[-1] = f"on {models[-1][0]} from epoch {models[-1][1][0].first_epoch}"
    return (
        f"{name} was trained {join_names(places)}: its figures may differ in the last digits from those of a training "
        "on one of them."
    )


def _epochs(first: int, last: int) -> str:
    return f"in epoch {first}" if first == last else f"from epoch {first} to {last}"


def report_provenance(results: RunResults) -> dict[str, str]:
    """Return what the report was made with, under the same names as in each variant."""
    return {"code": results.code_version, **results.hardware, **results.versions}
