"""Effect of cleaning: one variant trained with and without cleaning, scored on the same validation images.

Run it from the checkout: `python -m benchmarks.cleaning.effect SOURCE --out DIR`. SOURCE has the same form as in
`emotion run`. The command prints the tables, and writes them with the result of every training to DIR/results.json.
If it is started again with the same DIR, it resumes. Three seeds need six trainings of `compact`: half an hour on two
cores with `--epochs 8`.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from benchmarks.estimates import Interval, estimate_mean, format_interval, make_interval, subtract
from data.base.data_format import SEED_FORMAT
from data.base.errors import PipelineError
from data.base.record import Record
from data.manifest.table import read_manifest
from data.quality.cleaning import CleaningPolicy, clean_manifest
from flows.server.shared import prefect_server
from models.catalog.presets import PRESETS
from models.catalog.train_config import TrainConfig
from models.evaluation.predictions import correctness_of, read_predictions

if TYPE_CHECKING:
    from benchmarks.cleaning.effect_flow import Trained, Training

RESULTS_NAME = "results.json"
SERVER_SECONDS = 120.0

NO_COPY, COPY, ALL = "no copy in train", "a copy in train", "all"
"""Parts of validation: images without and with an equal or near-duplicate image in the published train split."""


class ArmCount(Record):
    """Number of images that one arm was trained on, as the mean over seeds."""

    arm: str
    train: float
    selection: float
    seen: float = Field(description="scored validation images whose picture is in the train part")


class Outcome(Record):
    """Result of one training: the chosen epoch, its cost, and its accuracy on the parts of the scored images."""

    arm: str
    seed: int
    best_epoch: int
    epochs: int
    precision: str
    core_seconds: float
    accuracy: dict[str, float]


class PartRow(Record):
    """One row of the table: a part of the scored validation images; accuracies and differences in 0..1."""

    part: str
    images: int
    groups: int = Field(description="number of different pictures among the images")
    cleaned: Interval
    uncleaned: Interval
    difference: Interval = Field(description="uncleaned minus cleaned, for the same images and seeds")


class Results(Record):
    """All measured figures."""

    variant: str
    seeds: tuple[int, ...]
    recipe: TrainConfig
    counts: tuple[ArmCount, ...]
    parts: tuple[PartRow, ...]
    leak: Interval = Field(
        description="the difference on copies minus the difference on other images of the same class mix"
    )
    outcomes: tuple[Outcome, ...]


def mark_copies(manifest: pd.DataFrame) -> pd.DataFrame:
    """Mark the validation images that cleaning keeps: is the same picture in the published train split?

    Args:
        manifest: one row per image as published, with the column `group`.

    Returns:
        The columns `label`, `group` and `part` (`NO_COPY` or `COPY`), indexed and sorted by path.

    Raises:
        PipelineError: one of the parts has fewer than two pictures, which is too few for an interval.
    """
    kept, _ = clean_manifest(manifest, CleaningPolicy())
    scored = kept[kept["split"] == "validation"].set_index("path").sort_index()
    copied = scored["group"].isin(manifest.loc[manifest["split"] == "train", "group"])
    for part, chosen in ((NO_COPY, ~copied), (COPY, copied)):
        pictures = scored.loc[chosen, "group"].nunique()
        if pictures < 2:
            raise PipelineError(
                f"got {pictures} different validation images with {part}, expected at least 2: "
                "use a data set that has validation images with and without a copy in train"
            )
    return scored[["label", "group"]].assign(part=copied.map({False: NO_COPY, True: COPY}))


def read_correct(run: Path, paths: pd.Index) -> NDArray[np.float64]:
    """Read for each of these validation images whether the trained network is right (1.0) or wrong (0.0)."""
    predictions = read_predictions(run, "validation")
    correct = pd.Series(correctness_of(predictions), index=predictions["image_id"])
    return np.asarray(correct.loc[paths], dtype=np.float64)


def choose_rows(scored: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Return for each row of the table a mask (images,) of its scored images.

    Copies are not distributed over the classes like other images, so there are also rows for each class.
    """
    copy = (scored["part"] == COPY).to_numpy()
    of_class = {label: (scored["label"] == label).to_numpy() for label in SEED_FORMAT.labels}
    classes = {
        f"{part}, {label}": chosen & of_class[label]
        for part, chosen in ((NO_COPY, ~copy), (COPY, copy))
        for label in SEED_FORMAT.labels
    }
    enough = {part: chosen for part, chosen in classes.items() if scored["group"][chosen].nunique() > 1}
    return {NO_COPY: ~copy, COPY: copy, ALL: np.ones(len(scored), dtype=bool), **enough}


def weigh_like_copies(scored: pd.DataFrame) -> NDArray[np.float64]:
    """Return weights with mean 1 that give the images without a copy the class mix of the images with a copy.

    Cleaning removes more images of one class from train than of another, and this alone changes the accuracy of that
    class. With the same class mix, this effect is not part of the difference between copies and other images.

    Returns:
        (images without a copy,), in the order of the images.
    """
    labels, copied = scored["label"], scored["part"] == COPY
    wanted, present = labels[copied].value_counts(normalize=True), labels[~copied].value_counts(normalize=True)
    weights = labels[~copied].map(wanted / present).fillna(0.0).to_numpy(np.float64)
    return weights / weights.mean()


def compare_arms(correct: dict[str, NDArray[np.float64]], scored: pd.DataFrame) -> tuple[list[PartRow], Interval]:
    """Compare the arms on each part of the scored images.

    Args:
        correct: arm -> (images, seeds), 1.0 if the network was right; images in the order of `scored`.
        scored: see `mark_copies`.

    Returns:
        The rows of the table, and the difference on copies minus the difference on other images of the same class mix.
    """
    difference = correct["uncleaned"] - correct["cleaned"]
    rows, differences = [], {}
    for part, chosen in choose_rows(scored).items():
        groups = scored["group"][chosen]
        differences[part] = estimate_mean(difference[chosen], groups)
        rows.append(
            PartRow(
                part=part,
                images=int(chosen.sum()),
                groups=differences[part].groups,
                cleaned=make_interval(estimate_mean(correct["cleaned"][chosen], groups), lowest=0.0),
                uncleaned=make_interval(estimate_mean(correct["uncleaned"][chosen], groups), lowest=0.0),
                difference=make_interval(differences[part]),
            )
        )
    others = (scored["part"] == NO_COPY).to_numpy()
    alike = estimate_mean(difference[others], scored["group"][others], weigh_like_copies(scored))
    return rows, make_interval(subtract(differences[COPY], alike))


def count_images(trainings: Sequence["Training"], scored: pd.DataFrame) -> list[ArmCount]:
    """Count the images that each arm was trained on."""
    rows = []
    for training in trainings:
        manifest = read_manifest(training.dataset / "manifest.parquet")
        train = manifest[manifest["part"] == "train"]
        rows.append(
            {
                "arm": training.arm,
                "train": len(train),
                "selection": int((manifest["part"] == "selection").sum()),
                "seen": int(scored["group"].isin(train["group"]).sum()),
            }
        )
    means = pd.DataFrame(rows).groupby("arm").mean().reset_index()
    return [ArmCount.model_validate(row) for row in means.to_dict("records")]


def describe_outcome(training: "Training", correct: NDArray[np.float64], scored: pd.DataFrame) -> Outcome:
    """Summarise the result of one training."""
    result = training.result
    return Outcome(
        arm=training.arm,
        seed=training.seed,
        best_epoch=result.best_epoch,
        epochs=len(result.epochs),
        precision=result.plan.precision,
        core_seconds=result.core_seconds,
        accuracy={part: float(correct[chosen].mean()) for part, chosen in choose_rows(scored).items()},
    )


def collect_results(trained: "Trained", recipe: TrainConfig) -> Results:
    """Score the finished trainings on the validation images that cleaning keeps.

    Raises:
        PipelineError: a training failed.
    """
    trainings, scored = trained.trainings, mark_copies(trained.manifest)
    failed = [f"{t.arm}, seed {t.seed}: {t.result.reason}" for t in trainings if t.result.status != "trained"]
    if failed:
        raise PipelineError(f"got failed trainings, expected all to succeed: {'; '.join(failed)}")
    correct = [read_correct(Path(training.result.directory), scored.index) for training in trainings]
    by_arm = {
        arm: np.stack([c for t, c in zip(trainings, correct, strict=True) if t.arm == arm], axis=1)
        for arm in ("cleaned", "uncleaned")
    }
    parts, leak = compare_arms(by_arm, scored)
    return Results(
        variant=trainings[0].result.name,
        seeds=tuple(dict.fromkeys(training.seed for training in trainings)),
        recipe=recipe,
        counts=tuple(count_images(trainings, scored)),
        parts=tuple(parts),
        leak=leak,
        outcomes=tuple(
            describe_outcome(training, values, scored) for training, values in zip(trainings, correct, strict=True)
        ),
    )


def format_results(results: Results) -> str:
    """Format the tables as Markdown."""
    lines = ["| arm | train | selection | scored images whose picture is in the train part |", "|---|---|---|---|"]
    lines += [
        f"| {count.arm} | {count.train:,.0f} | {count.selection:,.0f} | {count.seen:,.0f} |" for count in results.counts
    ]
    lines += [
        "",
        "| validation images | number | cleaned, % | uncleaned, % | uncleaned - cleaned, points |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.part} | {row.images:,} | {format_interval(row.cleaned)} | {format_interval(row.uncleaned)} | "
        f"{format_interval(row.difference, signed=True)} |"
        for row in results.parts
    ]
    leak = format_interval(results.leak, signed=True)
    lines += ["", f"difference on copies minus difference on other images of the same class mix: {leak} points"]
    return "\n".join(lines)


def parse_options() -> argparse.Namespace:
    """Parse the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="a folder, an archive's path or URL, or a Google Drive id or URL")
    parser.add_argument("--out", type=Path, required=True, help="directory for the workspace and results.json")
    parser.add_argument("--variant", choices=PRESETS["quick"].variants, default="compact")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--epochs", type=int, help="number of epochs, instead of that of the recipe")
    parser.add_argument("--precision", choices=["float32", "mixed_bfloat16"], default="float32")
    return parser.parse_args()


def main() -> None:
    """Train, print the tables and store them."""
    options = parse_options()
    changes = {"precision": options.precision} | ({"epochs": options.epochs} if options.epochs else {})
    workspace = options.out.resolve() / "workspace"
    os.environ["EMOTION_WORKSPACE"] = str(workspace)
    with prefect_server(workspace, SERVER_SECONDS):
        # Here, because prefect reads the server's address when it is imported.
        from benchmarks.cleaning.effect_flow import recipe_of, train_arms

        recipe = recipe_of(options.variant).model_copy(update=changes)
        trained = train_arms(options.source, options.variant, options.seeds, recipe)
    results = collect_results(trained, recipe)
    (options.out / RESULTS_NAME).write_text(results.model_dump_json(indent=1))
    print(format_results(results))


if __name__ == "__main__":
    main()
