"""Simulate promotions: how often a wrong one and a right one happen. `python -m benchmarks.promotion`.

It writes its tables into docs/promotion.md. Nothing is trained: whether a simulated network is right on an image is
drawn from a difficulty that all networks share and a part of its own, so that they agree as real networks do.
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
"""Validation images of each class as published, 4,977 in all."""

CLASS_RECALL = (0.86, 0.71, 0.63, 0.85)
"""About what `compact` and `residual` reach on the real images, 77 % in all."""

SHARED = 0.85
"""Share of the variance that is the image's difficulty. Two networks of 77 % then agree as real ones do."""

CANDIDATES = 9
WEEKS = 52
POLICY = PromotionPolicy()


class Scenario(NamedTuple):
    """What is true of the candidates of one promotion."""

    title: str
    gains: tuple[float, ...] = (0.0,) * CANDIDATES
    """True accuracy of each candidate minus the champion's, in every class alike."""
    repeats: int = 500
    images: int = sum(CLASS_IMAGES)
    shared: float = SHARED
    class_gains: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    """On top of that, by class, of the first candidate."""
    champion_of: int = 1
    """Of how many equal models the champion was the best on these very images."""


class Seen(NamedTuple):
    """What one simulated promotion came to; floats are 0 or 1 but for the last two."""

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
    """Return the gains where one candidate is better than the champion."""
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

# One class of 797 images loses 6 points and the others gain, so that the whole gains 2.
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
    """Return how many promotions a year of weekly best of nine makes where no network is better than another."""
    labels = draw_labels(sum(CLASS_IMAGES))
    limits = norm.ppf(np.tile(CLASS_RECALL, (CANDIDATES, 1)))[:, labels]
    promotions = []
    for year in range(years):
        rng = np.random.default_rng([seed, year])
        difficulty = rng.standard_normal(len(labels))  # of the same images in every week
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
    """Return (n,) labels in the shares of the published classes."""
    ends = np.round(np.cumsum(CLASS_IMAGES) / sum(CLASS_IMAGES) * images)
    return np.searchsorted(ends, np.arange(images), side="right")


def draw_correct(rng: np.random.Generator, difficulty: np.ndarray, limits: np.ndarray, shared: float) -> np.ndarray:
    """Return (models, n) booleans: right where an image's difficulty and a model's own luck stay below a limit.

    Args:
        rng: of the models' own parts.
        difficulty: (n,) standard normal.
        limits: (models, n) quantiles of the standard normal at the wanted accuracy.
        shared: 0..1, the part of the variance that is the difficulty's.
    """
    own = rng.standard_normal(limits.shape, dtype=np.float32)
    return np.sqrt(shared) * difficulty + np.sqrt(1 - shared) * own < limits


def judge(labels: np.ndarray, champion: np.ndarray, correct: np.ndarray, seed: int) -> Seen:
    """Judge the most accurate candidate in the ways that are compared.

    Args:
        labels: (n,).
        champion: (n,) booleans.
        correct: (k, n) booleans.
        seed: of the draws behind the bound.
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
    """Return whether recall passes by its figures, by being shown to be no worse, and by not being shown to be worse.

    The last two hold for all classes at once with 95 % (Bonferroni), and allow the loss that the policy does.
    """
    differences = recall_differences(labels, correct, champion)
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
    """Return the exact p-value that a candidate is no better than the champion."""
    won, lost = int((differences > 0).sum()), int((differences < 0).sum())
    return float(binom.sf(won - 1, won + lost, 0.5))


def unstudentised_bound(differences: np.ndarray, best: int, seed: int) -> float:
    """Return the lower bound of the best's gain where every candidate's deviation counts in points, as it is."""
    draws = np.random.default_rng(seed).multivariate_normal(
        np.zeros(differences.shape[1]),
        np.cov(differences, rowvar=False).reshape(differences.shape[1], -1) / len(differences),
        size=5000,
        check_valid="ignore",
        method="eigh",
    )
    return float(differences[:, best].mean() - np.quantile(draws.max(axis=1), CONFIDENCE))


def tabulate_gains(scenarios: Sequence[Scenario], seed: int) -> Iterator[dict[str, Any]]:
    """Yield a row of shares of promotions for each scenario, by each way of judging the gain."""
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
    """Yield a row of shares of refusals for each scenario, by each way of judging recall."""
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
    """Return a simulated rate with its 95 % interval, in percent."""
    low, high = wilson_interval(round(rate * repeats), repeats)
    return f"{percent(rate)} ({percent_range(low, high)})"


def replace_table(page: Path, name: str, text: str) -> None:
    """Write text between the marks of this name in a page."""
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
        f"In {options.years} simulated years of weekly best of nine, none of them truly better, the champion changed "
        f"{np.mean(years):.2f} times a year on average\nand at most {max(years)} in any year: each change leaves a "
        "champion that was luckier on these images.\n\n"
        f"`python -m benchmarks.promotion`, {time.strftime('%Y-%m-%d')}, {spent:.0f} core-seconds, "
        f"{describe_hardware()['processor']}.\n",
    )
    print(gains, recall, years, f"{spent:.0f} core-seconds", sep="\n")


if __name__ == "__main__":
    main()
