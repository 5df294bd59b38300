"""What it costs to place trainings on other hosts: `python -m benchmarks.hosts.placement --out DIR`.

The same trainings are run three times from empty workspaces: on two workers with one core each, on one host with both
of these cores, and on one host with one of them. All three use one server of Prefect; the run with workers uses the
store too. What server and store compute is part of each figure, since all hosts are one machine. It prints a table, and
writes it to DIR/placement.json with every training, its host, and each figure of results.json that differs.

It needs Linux, root, PostgreSQL and two cores.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.command import newest
from benchmarks.compare_workspaces import Tally, compare_json
from benchmarks.hosts.cluster import Cluster, cluster, write_preset
from benchmarks.hosts.timeline import Spent, measure, read_moments
from data.system.hardware import describe_hardware
from data.workspace.layout import REPORTS_STAGE, RESULTS_NAME

RUN_SECONDS = 4 * 3600
"""A run that takes longer counts as hanging."""

MEANS = ("start", "evaluation", "return")

PARTS = ("queued", "start", "training", "evaluation", "return")
"""Parts of the time of a training, see `benchmarks.hosts.timeline.Spent`."""


class Setting(NamedTuple):
    """How one run gets its trainings done."""

    name: str
    cores: int
    """Of the host of the run."""
    arguments: tuple[str, ...] = ()
    placed: bool = False
    """Whether other hosts train."""


SETTINGS = (
    Setting("one host, one core", 1, ("--parallel", "1")),
    Setting("one host, two cores", 2, ("--parallel", "2")),
    Setting("three hosts", 2, placed=True),
)


class Outcome(NamedTuple):
    """What came of one run."""

    name: str
    wall_seconds: float
    """Of the command."""
    phase_seconds: float
    """Of its trainings, from the first that was ready to the last result."""
    trainings: list[Spent]
    results: Path
    """Its results.json."""


def run_setting(on: Cluster, setting: Setting, arguments: Sequence[str], cores: Sequence[int]) -> Outcome:
    """Run the trainings once from empty workspaces.

    Raises:
        RuntimeError: the run failed.
    """
    name = setting.name.replace(",", "").replace(" ", "-")
    on.hosts["parent"].cores = ",".join(map(str, cores[: setting.cores]))
    on.begin_anew(name, setting.placed)
    if setting.placed:
        on.wait_for_workers()
    start, began = on.start_run if setting.placed else on.start_run_alone, time.monotonic()
    status = start(name, [*arguments, *setting.arguments]).wait(RUN_SECONDS)
    seconds = time.monotonic() - began
    if status:
        raise RuntimeError(f"the run on {setting.name} ended with status {status}: see {on.folder / name}.log")
    print(f"{setting.name}: {seconds:.1f} s", flush=True)
    moments = read_moments(on.ask, on.find_hosts() if setting.placed else {}, "parent")
    phase = max(one.returned for one in moments) - min(one.asked for one in moments)
    kept = on.folder / f"{name}-{RESULTS_NAME}"
    shutil.copyfile(newest(on.hosts["parent"].workspace, f"{REPORTS_STAGE}/*/{RESULTS_NAME}"), kept)
    return Outcome(setting.name, round(seconds, 1), round(phase, 1), measure(moments), kept)


def compare_results(first: Path, other: Path) -> Tally:
    """Compare two results.json to the last digit, without times, memory, machine and keys."""
    tally = Tally()
    compare_json(tally, "results", first, other)
    return tally


def describe(outcomes: Sequence[Outcome], tallies: Sequence[Tally]) -> dict[str, Any]:
    """Return all that was found, for placement.json; the results are compared with those of the first run."""
    return {
        "machine": describe_hardware(),
        "runs": [
            {
                "name": one.name,
                "wall_seconds": one.wall_seconds,
                "phase_seconds": one.phase_seconds,
                "trainings": [
                    {**spent._asdict(), "overhead_seconds": spent.overhead_seconds} for spent in one.trainings
                ],
                "values_compared": tally.values,
                "differences": tally.differences,
            }
            for one, tally in zip(outcomes, tallies, strict=True)
        ],
    }


def print_tables(found: dict[str, Any]) -> None:
    """Print a row for each run, with means over its trainings, and a row for each training."""
    print("Seconds of each run; start, evaluation and return are means over its trainings:\n")
    _print_row(["run", "wall", "trainings", "steps of all", "overhead", *MEANS, "figures that differ"])
    _print_row(["---", *["---:"] * (len(MEANS) + 5)])
    for run in found["runs"]:
        trainings = run["trainings"]
        means = [statistics.fmean(one[f"{name}_seconds"] for one in trainings) for name in ("overhead", *MEANS)]
        steps = sum(one["training_seconds"] for one in trainings)
        figures = [run["wall_seconds"], run["phase_seconds"], steps, *means]
        differ = f"{len(run['differences'])} of {run['values_compared']}"
        _print_row([run["name"], *(f"{figure:.1f}" for figure in figures), differ])
    print("\nSeconds of each training:\n")
    _print_row(["run", "training", "host", *PARTS])
    _print_row(["---"] * 3 + ["---:"] * len(PARTS))
    for run in found["runs"]:
        for one in run["trainings"]:
            parts = [f"{one[f'{part}_seconds']:.1f}" for part in PARTS]
            _print_row([run["name"], one["title"], one["host"], *parts])
    for run in found["runs"]:
        for difference in run["differences"]:
            print(f"DIFFERENT on {run['name']}: {difference[:300]}")


def _print_row(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |")


def choose_cores() -> list[int]:
    """Return two cores of this machine; ends the program if this process may use fewer."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        sys.exit(f"got {len(cores)} core, expected two: each worker needs one of its own")
    return cores


def main() -> None:
    """Run all settings and print the tables; the status is 1 if any figure differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="empty directory for workspaces and logs")
    parser.add_argument("--epochs", type=int, default=8, help="of each training")
    parser.add_argument("--variants", default="light,compact,cnn_gray")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each variant")
    options = parser.parse_args()
    cores = choose_cores()
    options.out.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # so that the hosts are removed
    preset = write_preset(options.out / "smoke-longer.json", options.epochs)
    arguments = ["--source", "sample", "--preset", str(preset), "--variants", options.variants]
    arguments += ["--seeds", str(options.seeds)]
    with cluster(2, options.out) as on:
        for worker, core in zip(on.workers, cores, strict=True):
            worker.cores = str(core)
        outcomes = [run_setting(on, setting, arguments, cores) for setting in SETTINGS]
    tallies = [compare_results(outcomes[0].results, one.results) for one in outcomes]
    found = {"epochs": options.epochs, **describe(outcomes, tallies)}
    (options.out / "placement.json").write_text(json.dumps(found, indent=1))
    print_tables(found)
    sys.exit(any(tally.differences for tally in tallies))


if __name__ == "__main__":
    main()
