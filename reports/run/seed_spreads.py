"""Spread of a variant's accuracy over training seeds, as figures, sentences and a CSV."""

import math
import statistics
from pathlib import Path

import pandas as pd
from pydantic import Field

from data.base.record import Record
from data.records.run import RunResults
from data.records.training import RepeatRecord, VariantResult
from reports.common.formatting import MISSING, join_names, number, percent, plural

REPEATS_LIST = "repeats.csv"


class SeedSpread(Record):
    """Mean and standard deviation of one variant over its seeds."""

    name: str
    repeats: tuple[RepeatRecord, ...] = Field(description="one for each seed, the compared one first")
    trained: int = Field(description="seeds with a validation accuracy, on which the figures are based")
    mean: float = Field(description="validation accuracy, 0..1; NaN if no seed has one")
    deviation: float = Field(description="its sample standard deviation (over n - 1); NaN below two seeds")

    @property
    def is_complete(self) -> bool:
        """Return whether every seed has an accuracy."""
        return self.trained == len(self.repeats)

    @property
    def seeds(self) -> str:
        """Return how many seeds the figures are based on, and out of how many if some are missing."""
        return f"{self.trained}" if self.is_complete else f"{self.trained} of {len(self.repeats)}"

    @property
    def cell(self) -> str:
        """Return the figures in short: mean, standard deviation in points, seeds, such as "75.12% ± 0.43 (3)"."""
        if not self.trained:
            return MISSING
        return f"{percent(self.mean, 2)} ± {number(100 * self.deviation, 2)} ({self.seeds})"


def seed_spreads(results: RunResults) -> list[SeedSpread]:
    """Return the spread of each variant that was trained with several seeds, in the run's order.

    A skipped variant is skipped with every seed, so it has no spread.
    """
    return [_measure(v) for v in results.variants if any(repeat.status != "skipped" for repeat in v.repeats)]


def _measure(variant: VariantResult) -> SeedSpread:
    accuracies = [r.validation_accuracy for r in variant.repeats if r.validation_accuracy is not None]
    return SeedSpread(
        name=variant.name,
        repeats=variant.repeats,
        trained=len(accuracies),
        mean=statistics.fmean(accuracies) if accuracies else math.nan,
        deviation=statistics.stdev(accuracies) if len(accuracies) > 1 else math.nan,
    )


def seed_sentences(results: RunResults) -> list[str]:
    """Explain what the spread over seeds measures and what it does not; nothing if no training was repeated."""
    spreads = seed_spreads(results)
    if not spreads:
        return []
    seeds = [repeat.seed for repeat in spreads[0].repeats]
    said = [
        f"Each variant was trained with {plural(len(seeds), 'seed')}, {seeds[0]} to {seeds[-1]}, on the same images in "
        "the same parts and views. So the standard deviation is the spread of training alone: of initial weights, "
        "order and what is drawn at random on the way. What other images would change, the 95% intervals say.",
        f"Ranked, compared and voting is the training with seed {seeds[0]}, whichever seed did best.",
    ]
    budgeted = [v.name for v in results.variants if v.repeats and v.train_config.get("time_budget_minutes")]
    if budgeted:
        said.append(
            f"{join_names(budgeted)} had a time budget; how much training fitted into it may differ from seed to seed "
            "and is part of the spread."
        )
    return said


def incomplete_spreads(results: RunResults) -> list[str]:
    """List the variants that failed with some seeds only, such as "compact (1 of 3)"."""
    return [
        f"{spread.name} ({len(spread.repeats) - spread.trained} of {len(spread.repeats)})"
        for spread in seed_spreads(results)
        if spread.trained and not spread.is_complete
    ]


def write_repeats(results: RunResults, path: Path) -> None:
    """Write a CSV with one row for each training; no file if no training was repeated."""
    rows = [
        {"variant": spread.name, **repeat.model_dump(exclude={"made_with", "trained_on"})}
        for spread in seed_spreads(results)
        for repeat in spread.repeats
    ]
    if rows:
        pd.DataFrame(rows).to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\n")
