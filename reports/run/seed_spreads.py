"""Repeats over seeds: how much training alone moves a variant's accuracy, in figures, sentences and a list."""

import math
import statistics
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from data.records.run import RunResults
from data.records.training import RepeatRecord, VariantResult
from reports.common.formatting import MISSING, join_names, number, percent, plural

REPEATS_LIST = "repeats.csv"


class SeedSpread(BaseModel):
    """What the seeds of one variant come to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    repeats: tuple[RepeatRecord, ...] = Field(description="one a seed, the compared one first")
    trained: int = Field(description="seeds that have a validation accuracy: the figures are of these")
    mean: float = Field(description="validation accuracy, 0..1; NaN where no seed has one")
    deviation: float = Field(description="its sample standard deviation (over n - 1); NaN below two seeds")

    @property
    def is_whole(self) -> bool:
        """Return whether every seed has an accuracy."""
        return self.trained == len(self.repeats)

    @property
    def seeds(self) -> str:
        """Return how many seeds the figures are of, and out of how many where some are missing."""
        return f"{self.trained}" if self.is_whole else f"{self.trained} of {len(self.repeats)}"

    @property
    def cell(self) -> str:
        """Return the figures in short: mean, standard deviation in points, seeds, such as "75.12% ± 0.43 (3)"."""
        if not self.trained:
            return MISSING
        return f"{percent(self.mean, 2)} ± {number(100 * self.deviation, 2)} ({self.seeds})"


def seed_spreads(results: RunResults) -> list[SeedSpread]:
    """Return the spread of each variant that was trained with several seeds, in the run's order.

    A variant that is skipped is so whatever the seed, and has none.
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
    """Return what the spread over seeds is of and what it is not; nothing where nothing was repeated."""
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
    """Return how many seeds failed of each variant that others were trained of, such as "compact (1 of 3)"."""
    return [
        f"{spread.name} ({len(spread.repeats) - spread.trained} of {len(spread.repeats)})"
        for spread in seed_spreads(results)
        if spread.trained and not spread.is_whole
    ]


def write_repeats(results: RunResults, path: Path) -> None:
    """Write a CSV with one row a training, variant and fields of `RepeatRecord`; none where nothing was repeated."""
    rows = [
        {"variant": spread.name, **repeat.model_dump(exclude={"made_with"})}
        for spread in seed_spreads(results)
        for repeat in spread.repeats
    ]
    if rows:
        pd.DataFrame(rows).to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\n")
