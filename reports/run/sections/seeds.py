"""Report section on the spread over seeds: mean and standard deviation of each variant, and every training."""

from typing import Any

from data.records.run import RunResults
from data.records.training import RepeatRecord
from reports.common.formatting import MISSING, number, percent
from reports.common.markdown_text import escape_text, markdown_table
from reports.run.seed_spreads import REPEATS_LIST, seed_sentences, seed_spreads
from reports.run.sources import ReportSources

ANCHOR, TITLE = "seeds", "Seeds"


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows; nothing if no training was repeated."""
    spreads = seed_spreads(results)
    if not spreads:
        return {}
    return {"spreads": spreads, "seed_sentences": seed_sentences(results), "repeats_list": REPEATS_LIST}


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the section as lines of Markdown; none if no training was repeated."""
    spreads = seed_spreads(results)
    if not spreads:
        return []
    rows = [[s.name, s.seeds, percent(s.mean, 2), number(100 * s.deviation, 2)] for s in spreads]
    header = ["variant", "seeds", "mean validation accuracy", "standard deviation, points"]
    lines = ["## Seeds", "", escape_text(" ".join(seed_sentences(results))), "", *markdown_table(header, rows)]
    trainings = [_repeat_cells(spread.name, repeat) for spread in spreads for repeat in spread.repeats]
    header = ["variant", "seed", "validation", "selection", "epochs", "core-seconds", "note"]
    return lines + markdown_table(header, trainings)


def _repeat_cells(variant: str, repeat: RepeatRecord) -> list[str]:
    accuracies = [
        MISSING if accuracy is None else percent(accuracy, 2)
        for accuracy in (repeat.validation_accuracy, repeat.selection_accuracy)
    ]
    note = f"{repeat.status}: {repeat.reason}" if repeat.reason else ""
    return [variant, str(repeat.seed), *accuracies, str(repeat.epochs), number(repeat.core_seconds), note]
