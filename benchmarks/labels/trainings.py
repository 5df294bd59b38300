"""Trainings on published labels, on the crowd's choice and on its votes, judged by more than one truth.

Run it from the checkout: `python -m benchmarks.labels.trainings SOURCE VOTES --out DIR --preset FILE [...]`. SOURCE and
the file of votes have the same form as in `emotion run`; a preset file names one variant and its recipe. Each preset is
trained on each target with each seed, and with `--relabel FILE` on the published labels with these corrections. A
second row has the mean of the probabilities of all seeds. Started again with the same DIR it resumes. It prints the
table, and writes all figures to DIR/results.json.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.command import EMOTION, read_newest_results, run_command
from benchmarks.estimates import format_interval
from benchmarks.labels.judging import Judged, judge, judge_together, read_truth
from data.base.errors import PipelineError
from data.records.run import RunResults
from data.workspace.layout import DATASETS_STAGE, VARIANTS_STAGE

RESULTS_NAME = "results.json"
TARGETS = ("label", "majority", "votes")


class Arm(NamedTuple):
    """One way to train: a preset, what the loss is computed on, and corrections of the labels."""

    preset: Path
    target: str
    relabel: Path | None = None

    @property
    def name(self) -> str:
        """Return what the table calls it."""
        corrected = f", {self.relabel.stem}" if self.relabel else ""
        return f"{self.preset.stem}, {self.target}{corrected}"


class Row(NamedTuple):
    """Results of one arm."""

    name: str
    seeds: int
    epochs: int
    core_seconds: float
    """Mean over seeds; of their mean the sum."""
    judged: Judged


def train_arm(arm: Arm, options: argparse.Namespace) -> RunResults:
    """Run one arm, or find that it was run, and return the results of its report."""
    workspace = options.out.resolve() / "workspace"
    command = [EMOTION, "run", "--source", options.source, "--votes", options.votes, "--preset", str(arm.preset)]
    command += ["--target", arm.target, "--format", options.format, "--labels", options.labels]
    command += ["--seeds", str(options.seeds), "--parallel", str(options.parallel), "--plain"]
    command += ["--relabel", str(arm.relabel)] if arm.relabel else []
    output = run_command(command, {"EMOTION_WORKSPACE": str(workspace)}).output
    (options.out / f"{arm.name}.log").write_text(output)
    return read_newest_results(workspace)


def describe_arm(arm: Arm, results: RunResults, workspace: Path) -> list[Row]:
    """Judge the trainings of all seeds of an arm, one by one and together.

    Raises:
        PipelineError: a training failed.
    """
    variant = results.variants[0]
    if variant.status != "trained" or any(repeat.status != "trained" for repeat in variant.repeats):
        raise PipelineError(f"{arm.name}: got a training that is not finished ({variant.reason}), expected all to be")
    others = [workspace / VARIANTS_STAGE / repeat.training for repeat in variant.repeats[1:]]
    seconds = [repeat.core_seconds for repeat in variant.repeats] or [variant.core_seconds]
    truth = read_truth(workspace / DATASETS_STAGE / results.lineage[DATASETS_STAGE], results.classes)
    trainings, labels = [Path(variant.directory), *others], results.classes
    seeds, epochs = len(seconds), len(variant.epochs)
    alone = Row(arm.name, seeds, epochs, sum(seconds) / seeds, judge(trainings, truth, labels))
    together = Row(f"{arm.name}, together", seeds, epochs, sum(seconds), judge_together(trainings, truth, labels))
    return [alone, together] if seeds > 1 else [alone]


def format_rows(rows: Sequence[Row]) -> str:
    """Format the table as Markdown."""
    truths = list(rows[0].judged.accuracy)
    heads = [f"{name} ({rows[0].judged.images[name]:,} images), %" for name in truths]
    lines = [
        f"| training | seeds | epochs | core-seconds | {' | '.join(heads)} | recall by the crowd's choice, % |",
        "|---" * (5 + len(truths)) + "|",
    ]
    for row in rows:
        accuracies = " | ".join(format_interval(row.judged.accuracy[name]) for name in truths)
        recall = ", ".join(f"{label} {100 * value:.0f}" for label, value in row.judged.recall.items())
        lines.append(f"| {row.name} | {row.seeds} | {row.epochs} | {row.core_seconds:,.0f} | {accuracies} | {recall} |")
    return "\n".join(lines)


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Write all figures as JSON."""
    figures = [
        row._asdict()
        | {
            "judged": row.judged._asdict()
            | {"accuracy": {name: interval.model_dump() for name, interval in row.judged.accuracy.items()}}
        }
        for row in rows
    ]
    path.write_text(json.dumps(figures, indent=1))


def list_arms(options: argparse.Namespace) -> Iterator[Arm]:
    """List the arms: each preset on each target, then on the labels as each file corrects them."""
    for preset in options.preset:
        yield from (Arm(preset, target) for target in options.targets)
        yield from (Arm(preset, "label", relabel) for relabel in options.relabel)


def parse_options() -> argparse.Namespace:
    """Parse the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="a folder, an archive's path or URL, or a Google Drive id or URL")
    parser.add_argument("votes", help="the votes of people, as in emotion run --votes")
    parser.add_argument("--out", type=Path, required=True, help="directory for the workspace, logs and results.json")
    parser.add_argument("--preset", type=Path, nargs="+", required=True, help="preset files of one variant each")
    parser.add_argument("--targets", nargs="*", default=list(TARGETS), choices=TARGETS)
    parser.add_argument("--relabel", type=Path, nargs="*", default=[], help="files of benchmarks.labels.clicks")
    parser.add_argument("--format", default="fer2013")
    parser.add_argument("--labels", default="", help="comma-separated classes, as in emotion run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--parallel", type=int, default=2, help="trainings at the same time")
    return parser.parse_args()


def main() -> None:
    """Train, print the table after each arm, and store the figures."""
    options = parse_options()
    options.out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for arm in list_arms(options):
        rows += describe_arm(arm, train_arm(arm, options), options.out.resolve() / "workspace")
        write_rows(rows, options.out / RESULTS_NAME)
        print(format_rows(rows), flush=True)


if __name__ == "__main__":
    main()
