"""The labels that a person would correct first, answered by the crowd, as relabel.csv files.

Run it from the checkout: `python -m benchmarks.labels.clicks SUSPECTS DATASET --out DIR [--first 500 1000 2000]`.
SUSPECTS is the suspects.csv of an audit of the train split, DATASET the directory of a judged data set with votes and
the same images. Each file answers the first so many suspects of train as the crowd did, as if a person who agrees with
the crowd had looked at these images alone; `benchmarks.labels.trainings --relabel` trains on each.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from data.manifest.table import read_manifest
from data.quality.label_corrections import REMOVE
from data.votes.column import EXTRAS, NO_FACE, NOBODY, choose_majority, stack_votes


def answer_suspects(suspects: pd.DataFrame, manifest: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """Fill in `new_label` with the crowd's choice for the suspects of train that have votes.

    Args:
        suspects: the rows of a suspects.csv, most suspicious first.
        manifest: of the data set, with votes.
        labels: names of the classes, in label order.
    """
    rows = suspects[suspects["split"] == "train"]
    images = manifest.set_index("path").reindex(rows["image_id"])
    votes = stack_votes(images, len(labels))
    published = rows["label"].map({label: index for index, label in enumerate(labels)}).to_numpy(np.int64)
    crowd = choose_majority(votes, published)
    no_face = np.nan_to_num(votes[:, len(labels) + EXTRAS.index(NO_FACE)]) > np.nan_to_num(votes).sum(axis=1) / 2
    answers = np.where(no_face | (crowd == NOBODY), REMOVE, np.asarray(labels)[crowd])
    voted = np.flatnonzero(~np.isnan(votes).any(axis=1))
    return rows.assign(new_label=answers).iloc[voted]


def main() -> None:
    """Write a file for each number of clicks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suspects", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, nargs="+", default=[500, 1000, 2000])
    options = parser.parse_args()
    manifest = read_manifest(options.dataset / "manifest.parquet")
    labels = sorted(manifest["label"].unique())
    answered = answer_suspects(pd.read_csv(options.suspects, dtype="str"), manifest, labels)
    options.out.mkdir(parents=True, exist_ok=True)
    for clicks in options.first:
        first = answered.head(clicks)
        changed = int((first["new_label"] != first["label"]).sum())
        print(f"first {clicks}: {len(first)} answers, {changed} other labels than published")
        first.to_csv(options.out / f"first-{clicks}.csv", index=False)


if __name__ == "__main__":
    main()
