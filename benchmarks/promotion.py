"""Simulation of promotions: the rate of wrong and of right ones. `python -m benchmarks.promotion`.

It writes its tables into docs/promotion.md. Nothing is trained. Two random numbers decide whether a simulated network
is right on an image: the difficulty of the image, which all networks share, and a part that belongs to the network. So
the simulated networks agree as often as real networks.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import binom, norm

from benchmarks.page import format_table
from data.base.paths import PROJECT_ROOT
from data.system.hardware import describe_hardware
from data.workspace.atomic import write_atomically
from models.evaluation.intervals import CONFIDENCE, wilson_interval
from models.promotion.decide import recall_differences
from models.promotion.gain_bound import gain_lower_bounds
from models.promotion.policy import PromotionPolicy
from reports.common.formatting import percent, percent_range

PAGE = PROJECT_ROOT / "docs" / "promotion.md"
BEGIN, END = "<!-- simulated: {} -->\n", "<!-- end -->\n"

CLASS_IMAGES = (1825, 1216, 1139, 797)
"""Validation images of each class as published, 4,977 in total."""

CLASS_RECALL = (0.86, 0.71, 0.63, 0.85)
"""Approximate recall of `compact` and `residual` on the real images; 77 % accuracy in total."""

SHARED = 0.85
"""Share of the image's difficulty in the variance; with it, two networks of 77 % agree as often as real networks."""

CANDIDATES = 9
WEEKS = 52
POLICY = PromotionPolicy()


class Scenario(NamedTuple):
    """The true accuracies of the candidates in one simulated promotion."""

    title: str
    gains: tuple[float, ...] = (0.0,) * CANDIDATES
    """True accuracy of each candidate minus the champion's; the same in every class."""
    repeats: int = 500
    images: int = sum(CLASS_IMAGES)
    shared: float = SHARED
    class_gains: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    """Further gain of the first candidate, for each class."""
    champion_of: int = 1
    """Number of equal models; the champion was the best of them on exactly these images."""


class Seen(NamedTuple):
    """Outcome of one simulated promotion; all floats are 0 or 1, except the last two."""

    promoted: float
    with_recall: float
    unstudentised: float
    holm: float
    uncorrected: float
    recall_point: float
    recall_shown: float
    recall_disproved: float
    agreement: float
    correlation: float


def one_better(gain: float, others: float = 0.0) -> tuple[float, ...]:
    """Return the gains if one candidate is better than the champion."""
    return (gain, *[others] * (CANDIDATES - 1))


GAIN_SCENARIOS = (
    Scenario("nine as good as the champion", repeats=5000),
    Scenario("nine as good, networks agree less", shared=0.6),
    Scenario("nine as good, networks agree more", shared=0.95),
    Scenario("nine as good, 400 validation images", repeats=1000, images=400),
    Scenario("one better by 1 point, eight as good", one_better(0.01), 700),
    Scenario("one better by 2 points, eight as good", one_better(0.02), 1000),
    Scenario("one better by 3 points, eight as good", one_better(0.03)),
    Scenario("all nine better by 1 point", (0.01,) * CANDIDATES),
    Scenario("all nine better by 2 points", (0.02,) * CANDIDATES),
    Scenario("one better by 2 points, four as good, four worse by 35", (0.02, *[0.0] * 4, *[-0.35] * 4)),
    Scenario("one better by 2 points, no other candidate", (0.02,)),
    Scenario("nine as good, champion the best of nine on these images", champion_of=CANDIDATES),
    Scenario(
        "one better by 2 points, champion the best of nine on these images", one_better(0.02), champion_of=CANDIDATES
    ),
)

# One class of 797 images loses 6 points and the others gain, so that the total gains 2.
ONE_CLASS_LOSES = (0.015, 0.015, 0.015, -0.08)

RECALL_SCENARIOS = (
    Scenario("one better by 2 points in every class", one_better(0.02)),
    Scenario("one better by 1 point in every class", one_better(0.01)),
    Scenario("as good in every class", (0.0,)),
    Scenario("better by 2 points, but 6 points worse in the smallest class", (0.02,), class_gains=ONE_CLASS_LOSES),
    Scenario("400 images, better by 10 points in every class", (0.10,), images=400),
)


def simulate(scenario: Scenario, seed: int) -> Seen:
    """Return the means over a scenario's promotions."""
    rng = np.random.default_rng(seed)
    labels = draw_labels(scenario.images)
    champions = np.tile(CLASS_RECALL, (scenario.champion_of, 1))
    candidates = np.array(CLASS_RECALL) + np.array(scenario.gains)[:, None]
    candidates[0] += scenario.class_gains
    limits = norm.ppf(np.clip(np.vstack([champions, candidates]), 0.05, 0.99))
    trials = []
    for _ in range(scenario.repeats):
        difficulty = rng.standard_normal(len(labels))
        correct = draw_correct(rng, difficulty, limits[:, labels], scenario.shared)
        held = correct[: scenario.champion_of]
        champion = held[held.mean(axis=1).argmax()]
        trials.append(judge(labels, champion, correct[scenario.champion_of :], int(rng.integers(2**31))))
    return Seen(*np.mean(trials, axis=0))


def simulate_years(years: int, seed: int) -> list[int]:
    """Count the promotions per year if the best of nine equal networks is the challenger every week."""
    labels = draw_labels(sum(CLASS_IMAGES))
    limits = norm.ppf(np.tile(CLASS_RECALL, (CANDIDATES, 1)))[:, labels]
    promotions = []
    for year in range(years):
        rng = np.random.default_rng([seed, year])
        difficulty = rng.standard_normal(len(labels))  # the images are the same in every week
        champion = draw_correct(rng, difficulty, limits[:1], SHARED)[0]
        promotions.append(0)
        for _ in range(WEEKS):
            correct = draw_correct(rng, difficulty, limits, SHARED)
            best = correct.mean(axis=1).argmax()
            differences = (correct.astype(np.int8) - champion).T
            if gain_lower_bounds(differences, int(rng.integers(2**31)))[best] > POLICY.minimum_gain:
                champion, promotions[-1] = correct[best], promotions[-1] + 1
    return promotions


def draw_labels(images: int) -> np.ndarray:
    """Return (n,) labels with the class shares of the published data set."""
    ends = np.round(np.cumsum(CLASS_IMAGES) / sum(CLASS_IMAGES) * images)
    return np.searchsorted(ends, np.arange(images), side="right")


def draw_correct(rng: np.random.Generator, difficulty: np.ndarray, limits: np.ndarray, shared: float) -> np.ndarray:
    """Return (models, n) booleans: right if the image's difficulty plus the model's own luck is below the limit.

    Args:
        rng: draws the part that belongs to each model.
        difficulty: (n,) standard normal.
        limits: (models, n) quantiles of the standard normal at the wanted accuracy.
        shared: 0..1, share of the difficulty in the variance.
    """
    own = rng.standard_normal(limits.shape, dtype=np.float32)
    return np.sqrt(shared) * difficulty + np.sqrt(1 - shared) * own < limits


def judge(labels: np.ndarray, champion: np.ndarray, correct: np.ndarray, seed: int) -> Seen:
    """Judge the most accurate candidate with all compared methods.

    Args:
        labels: (n,).
        champion: (n,) booleans.
        correct: (k, n) booleans.
        seed: seed of the draws for the bound.
    """
    best = int(correct.mean(axis=1).argmax())
    differences = (correct.astype(np.int8) - champion).T
    p_value = mcnemar_one_sided(differences[:, best])
    worst, shown, disproved = judge_recall(labels, correct[best], champion)
    promoted = gain_lower_bounds(differences, seed)[best] > POLICY.minimum_gain
    return Seen(
        promoted=float(promoted),
        with_recall=float(promoted and worst),
        unstudentised=float(unstudentised_bound(differences, best, seed) > POLICY.minimum_gain),
        holm=float(p_value * len(correct) <= 1 - CONFIDENCE),
        uncorrected=float(p_value <= 1 - CONFIDENCE),
        recall_point=float(worst),
        recall_shown=float(shown),
        recall_disproved=float(disproved),
        agreement=float((correct[best] == champion).mean()),
        correlation=float(np.corrcoef(correct[best], champion)[0, 1]),
    )


def judge_recall(labels: np.ndarray, correct: np.ndarray, champion: np.ndarray) -> tuple[bool, bool, bool]:
    """Judge recall with three methods: by the measured figure, by proof of no loss, and by absence of proof of a loss.

    The last two hold for all classes together with 95 % (Bonferroni). A loss is what exceeds the limit of the policy.
    """
    differences = recall_differences(labels, correct, champion, int(labels.max()) + 1)
    images = np.bincount(labels)
    discordant = np.bincount(labels, weights=correct != champion)
    noise = norm.ppf(1 - (1 - CONFIDENCE) / len(images)) * np.sqrt(discordant) / images
    floor = -POLICY.largest_recall_loss
    return (
        bool((differences >= floor).all()),
        bool((differences - noise >= floor).all()),
        bool((differences + noise >= floor).all()),
    )


def mcnemar_one_sided(differences: np.ndarray) -> float:
    """Return the exact one-sided p-value of the hypothesis that a candidate is not better than the champion."""
    won, lost = int((differences > 0).sum()), int((differences < 0).sum())
    return float(binom.sf(won - 1, won + lost, 0.5))


def unstudentised_bound(differences: np.ndarray, best: int, seed: int) -> float:
    """Return the lower bound of the best candidate's gain if deviations are not divided by their standard errors."""
    draws = np.random.default_rng(seed).multivariate_normal(
        np.zeros(differences.shape[1]),
        np.cov(differences, rowvar=False).reshape(differences.shape[1], -1) / len(differences),
        size=5000,
        check_valid="ignore",
        method="eigh",
    )
    return float(differences[:, best].mean() - np.quantile(draws.max(axis=1), CONFIDENCE))


def tabulate_gains(scenarios: Sequence[Scenario], seed: int) -> Iterator[dict[str, Any]]:
    """Yield one row per scenario: the share of promotions for each method to judge the gain."""
    for scenario in scenarios:
        seen = simulate(scenario, seed)
        yield {
            "truth": scenario.title,
            "times": f"{scenario.repeats:,}",
            "largest studentised deviation (used)": share(seen.promoted, scenario.repeats),
            "and recall holds": percent(seen.with_recall),
            "largest deviation": percent(seen.unstudentised),
            "Holm, exact McNemar": percent(seen.holm),
            "McNemar, uncorrected": percent(seen.uncorrected),
            "both right or both wrong": percent(seen.agreement),
            "correlation": f"{seen.correlation:.2f}",
        }


def tabulate_recall(scenarios: Sequence[Scenario], seed: int) -> Iterator[dict[str, Any]]:
    """Yield one row per scenario: the share of refusals for each method to judge recall."""
    for scenario in scenarios:
        seen = simulate(scenario, seed)
        yield {
            "truth": scenario.title,
            "times": f"{scenario.repeats:,}",
            "refused by the figure (used)": share(1 - seen.recall_point, scenario.repeats),
            "refused unless shown to be no worse": percent(1 - seen.recall_shown),
            "refused if shown to be worse": percent(1 - seen.recall_disproved),
        }


def share(rate: float, repeats: int) -> str:
    """Format a simulated rate with its 95 % interval, in percent."""
    low, high = wilson_interval(round(rate * repeats), repeats)
    return f"{percent(rate)} ({percent_range(low, high)})"


def replace_table(page: Path, name: str, text: str) -> None:
    """Replace the text between the markers with this name on a page."""
    begin = BEGIN.format(name)
    head, rest = page.read_text(encoding="utf-8").split(begin, 1)
    _, tail = rest.split(END, 1)
    write_atomically(page, f"{head}{begin}{text}{END}{tail}")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, default=PAGE, help="the Markdown page that gets the tables")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--years", type=int, default=30, help="simulated years of weekly promotions")
    options = parser.parse_args()
    started = time.process_time()
    gains = format_table(list(tabulate_gains(GAIN_SCENARIOS, options.seed)))
    recall = format_table(list(tabulate_recall(RECALL_SCENARIOS, options.seed)))
    years = simulate_years(options.years, options.seed)
    spent = time.process_time() - started
    replace_table(options.page, "gain", gains)
    replace_table(options.page, "recall", recall)
    replace_table(
        options.page,
        "years",
        f"In each of {options.years} simulated years, the best of nine candidates challenged the champion every week; "
        f"none was truly better.\nThe champion changed {np.mean(years):.2f} times per year on average; the largest "
        f"number of changes in a year was {max(years)}.\nAfter each change, the champion is a network that was luckier "
        "on these images.\n\n"
        f"`python -m benchmarks.promotion`, {time.strftime('%Y-%m-%d')}, {spent:.0f} core-seconds, "
        f"{describe_hardware()['processor']}.\n",
    )
    print(gains, recall, years, f"{spent:.0f} core-seconds", sep="\n")


if __name__ == "__main__":
    main()
