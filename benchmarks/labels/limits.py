"""What limits accuracy by the crowd's choice: how far ten people agree with ten others, and what a rare class costs.

Run it from the checkout: `python -m benchmarks.labels.limits OUT PRESET TARGET [--raised sad]`. OUT is the directory of
`benchmarks.labels.trainings`, in which this preset was trained towards this target.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from benchmarks.labels.judging import read_truth
from data.manifest.table import read_manifest
from data.records.run import RunResults
from data.votes.column import stack_votes
from data.workspace.layout import DATASETS_STAGE, REPORTS_STAGE, VARIANTS_STAGE
from data.workspace.run_results import read_results
from models.evaluation.predictions import probabilities_of, read_predictions

DRAWS = 30

FACTORS = (1.0, 1.5, 2.0, 3.0)


def agree_in_halves(votes: NDArray[np.float64], classes: int, random: np.random.Generator) -> float:
    """Return how often two halves of the people name the same class; ties are decided at random.

    Args:
        votes: (images, classes and extras) counts, whole numbers.
        classes: number of classes; only these may be chosen.
        random: draws the halves.
    """
    shares = []
    for _ in range(DRAWS):
        half = np.stack([random.multivariate_hypergeometric(row.astype(int), int(row.sum()) // 2) for row in votes])
        chosen = [
            (part[:, :classes] + 0.01 * random.random((len(part), classes))).argmax(axis=1)
            for part in (half, votes - half)
        ]
        shares.append((chosen[0] == chosen[1]).mean())
    return float(np.mean(shares))


def agree_again(
    votes: NDArray[np.float64], crowd: NDArray[np.int64], classes: int, random: np.random.Generator
) -> float:
    """Return how often as many votes, drawn again from those of each image, name the crowd's choice again.

    Real people vary more than draws from the votes that were given, so it is an upper bound.
    """
    shares = votes / votes.sum(axis=1, keepdims=True) * (1 - 1e-9)
    drawn = [random.multinomial(votes.sum(axis=1).astype(int), shares) for _ in range(DRAWS)]
    ties = 0.01 * random.random((len(votes), classes))
    return float(np.mean([(one[:, :classes] + ties).argmax(axis=1) == crowd for one in drawn]))


def tabulate_factors(
    probabilities: Sequence[NDArray[np.float64]], truth: pd.DataFrame, labels: Sequence[str], raised: str
) -> pd.DataFrame:
    """Return accuracy and recall by the crowd's choice if the probability of one class is multiplied by a factor.

    Args:
        probabilities: (images, classes) of each seed, in the order of `truth`.
        truth: of `read_truth`.
        labels: names of the classes, in label order.
        raised: the class.
    """
    crowd, rows = truth["crowd"].to_numpy(), []
    for factor in FACTORS:
        factors = np.where(np.asarray(labels) == raised, factor, 1.0)
        right = np.stack([(one * factors).argmax(axis=1) == crowd for one in probabilities], axis=1)
        recall = {label: right[crowd == index].mean() for index, label in enumerate(labels)}
        rows.append({"factor": factor, "all": right.mean(), "clear": right[truth["clear"]].mean(), **recall})
    return (100 * pd.DataFrame(rows).set_index("factor")).round(1)


def find_report(out: Path, preset: str, target: str) -> tuple[Path, RunResults]:
    """Return the workspace and the report of a preset trained towards a target."""
    workspace = out.resolve() / "workspace"
    for stored in workspace.glob(f"{REPORTS_STAGE}/*/results.json"):
        try:
            results = read_results(stored.parent)
        except ValidationError:  # of another version of this project
            continue
        if Path(results.preset).stem == preset and results.variants[0].train_config.get("target") == target:
            return workspace, results
    raise SystemExit(f"got no report of {preset} towards {target} in {workspace}, expected one of trainings.py")


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("preset")
    parser.add_argument("target")
    parser.add_argument("--raised", default="sad")
    options = parser.parse_args()
    workspace, results = find_report(options.out, options.preset, options.target)
    labels, dataset = results.classes, workspace / DATASETS_STAGE / results.lineage[DATASETS_STAGE]
    truth = read_truth(dataset, labels)
    images = read_manifest(dataset / "manifest.parquet").set_index("path").loc[truth.index]
    votes, random = stack_votes(images, len(labels)).astype(np.float64), np.random.default_rng(0)
    agreed = {
        "two halves of the people name the same class": agree_in_halves(votes, len(labels), random),
        "as many votes again name the crowd's choice, at most": agree_again(
            votes, truth["crowd"].to_numpy(), len(labels), random
        ),
    }
    print(json.dumps(agreed, indent=1))
    repeats = results.variants[0].repeats
    keys = [one.training for one in repeats] or [results.variants[0].training]
    frames = [read_predictions(workspace / VARIANTS_STAGE / key, "validation") for key in keys]
    by_image = [
        pd.DataFrame(probabilities_of(one), index=one["image_id"]).loc[truth.index].to_numpy() for one in frames
    ]
    print(tabulate_factors(by_image, truth, labels, options.raised))


if __name__ == "__main__":
    main()
