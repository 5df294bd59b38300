"""Entries of the reports' index: what it shows of each report."""

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from data.base.record import Record
from data.base.times import parse_time
from data.records.promotion import Outcome
from data.records.run import RunResults
from data.records.truths import TruthName
from reports.run.summary import best_variant, cautions, scored_variants

Series = tuple[str, TruthName]
"""Source of the images, and the labels that they are judged by: only accuracies that share both are one trend."""


class ReportEntry(Record):
    """One report in the index."""

    key: str
    run_name: str
    started: datetime
    preset: str
    source: str
    synthetic: bool
    truth: TruthName = Field(
        default="published", description="labels that the accuracy, and the choice of the best, follow"
    )
    scored: int = Field(description="variants with a validation accuracy")
    variants: int
    best: str = Field(default="", description="the most accurate variant; empty if no variant was scored")
    accuracy: float = Field(default=float("nan"), description="of the best on validation, 0..1")
    low: float = Field(default=float("nan"), description="95 %; accounts for the choice if the best is one of several")
    high: float = float("nan")
    core_seconds: float = Field(default=0.0, description="of the best's training")
    outcome: Outcome | Literal[""] = Field(default="", description="of the decision on the champion")
    criticals: int
    warnings: int

    @property
    def series(self) -> Series:
        """Return the trend that the report belongs to."""
        return self.source, self.truth

    @property
    def promoted(self) -> bool:
        """True if the best variant of the run became champion without an approval."""
        return self.outcome == "promote"


def make_entry(key: str, results: RunResults) -> ReportEntry:
    """Make the index entry of a report.

    Args:
        key: of the report in the workspace.
        results: its results.
    """
    levels = [caution.level for caution in cautions(results)]
    entry = ReportEntry(
        key=key,
        run_name=results.run_name,
        started=parse_time(results.started),
        preset=Path(results.preset).stem,  # a file's path is long
        source=results.data.source,
        synthetic=results.data.synthetic,
        truth=results.truth,
        scored=len(scored_variants(results)),
        variants=len(results.variants),
        outcome=results.decision.outcome if results.decision else "",
        criticals=levels.count("critical"),
        warnings=levels.count("warning"),
    )
    best = best_variant(results)
    if best is None:
        return entry
    low, high = results.accuracy_interval(best)
    known = {"best": best.name, "accuracy": best.parts["validation"].accuracy, "low": low, "high": high}
    return entry.model_copy(update={**known, "core_seconds": best.core_seconds})
