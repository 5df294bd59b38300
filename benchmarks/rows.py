"""Rows of docs/benchmarks.md: the title, the target and the measurement of each."""

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.command import EMOTION, Usage, read_newest_results, run_command, run_module
from benchmarks.labels.audit_quality import (
    FIRST,
    GOAL_FIRST,
    GOAL_PRECISION,
    GOAL_RECALL,
    audit_twice,
    judge_audit,
    read_votes,
    tabulate_judged,
)
from benchmarks.prepare import SEED, prepare
from benchmarks.start_up import measure_start_up, tabulate
from data.records.run import RunResults
from data.records.training import PartMetrics, VariantResult
from data.system.hardware import usable_cores
from data.views.tfrecords import ViewsIndex, write_index
from data.workspace.layout import EXPORTS_STAGE
from data.workspace.stage_record import RECORD_NAME, read_record
from flows.server.shared import prefect_server
from flows.settings import load_settings
from models.catalog.presets import PRESETS
from models.catalog.train_config import ENSEMBLE_NAME, TrainConfig
from models.catalog.variants import find_variant
from models.jobs.specs import FitSpec
from reports.common.formatting import percent_range
from reports.run.summary import scored_variants
from tasks.support.child_processes import child_environment

SEEDS = (SEED, SEED + 1, SEED + 2)

SEED_ACCURACY = 0.7292
"""Validation accuracy of the notebook's best network, `cnn_3`, which needed SEED_EPOCHS epochs for it."""

SEED_EPOCHS = 32
QUICKEST, EPOCHS_TO_SEED_ACCURACY = "light", 10
"""The variant and the epochs that should reach this accuracy; the row says whether the median of three seeds does."""

MANY_COPIES = 25
"""Number of times that the index of the large data set lists the real training images (about 13 thousand)."""

MEMORY_MINUTES = 1.5

BESIDE = ", within the time of `reports`"


class Outcome(NamedTuple):
    """Result of a row."""

    summary: str
    """One sentence with the figure that is compared with the target."""
    met: bool
    table: list[dict[str, Any]]


class Row(NamedTuple):
    """One measurement."""

    title: str
    target: str
    measure: Callable[[str], Outcome]
    """Takes a source of the same form as in `emotion run`."""
    short: bool = True


def measure_cost_to_seed_accuracy(source: str) -> Outcome:
    """Compare the core-seconds that are needed for the notebook's best validation accuracy."""
    prepared = prepare(source, "quick")
    (epoch,) = run_module("benchmarks.input.seed_epoch", prepared.images).printed
    theirs = SEED_EPOCHS * epoch["core_seconds"]
    planned = shorten(QUICKEST, EPOCHS_TO_SEED_ACCURACY)
    trained = [train(QUICKEST, prepared.views, planned, seed) for seed in SEEDS]
    ours = statistics.median(usage.core_seconds for usage, _ in trained)
    reached = statistics.median(result.parts["validation"].accuracy for _, result in trained)
    ratio = theirs / ours
    table: list[dict[str, Any]] = [
        {
            "training": f"`{QUICKEST}`, {EPOCHS_TO_SEED_ACCURACY} epochs, seed {seed}",
            "core-seconds": round(usage.core_seconds),
            "validation": interval(result.parts["validation"]),
        }
        for seed, (usage, result) in zip(SEEDS, trained, strict=True)
    ]
    per_epoch = f"`cnn_3` by the notebook's recipe, {SEED_EPOCHS} times an epoch of {epoch['core_seconds']:.0f}"
    table.append({"training": per_epoch, "core-seconds": round(theirs), "validation": "72.9 (its own figure)"})
    summary = (
        f"{ratio:.0f} times fewer core-seconds (median of {len(SEEDS)} seeds {ours:.0f}, whole process, "
        f"median accuracy {reached:.1%}; {theirs:.0f})"
    )
    return Outcome(summary, ratio >= 40 and reached >= SEED_ACCURACY, table)


def measure_input_rates(source: str) -> Outcome:
    """Compare the images per second of the input pipeline with Keras' two loaders."""
    prepared = prepare(source, "quick")
    median = medians(run_module("benchmarks.input.rates", prepared.views, prepared.images).printed)
    over_generator, over_layers = median["views"] / median["generator"], median["views"] / median["layers"]
    names = {
        "views": "the project's views with flip and shift in the graph",
        "generator": "ImageDataGenerator, the notebook's recipe",
        "layers": "image_dataset_from_directory and augmentation layers",
    }
    table = [{"input": names[way], "images a second": f"{rate:,.0f}"} for way, rate in median.items()]
    summary = f"{over_generator:.0f} times ImageDataGenerator, {over_layers:.1f} times augmentation layers"
    return Outcome(summary, over_generator >= 30 and over_layers >= 10, table)


def measure_input_share(source: str) -> Outcome:
    """Measure the share of the input in the core-seconds of a training step."""
    prepared = prepare(source, "quick")
    median = medians(run_module("benchmarks.input.share", prepared.views).printed)
    share = median["read"] / (median["read"] + median["step"])
    table = [
        {"input": name, "core-milliseconds a batch of 64 images": f"{1000 * median[way]:.1f}"}
        for way, name in (("read", "reading and jitter"), ("step", "the step itself, on batches kept in memory"))
    ]
    return Outcome(f"{share:.1%} of the core-seconds of a step of `compact`", share <= 0.03, table)


def measure_parallel(source: str) -> Outcome:
    """Compare the wall time of the same trainings, two at a time and one after the other."""
    prepared = prepare(source, "quick")
    epochs = {"compact": 3, "cnn_gray": 1, "cnn_rgb": 1, "residual": 1}
    wall: dict[int, float] = {}
    for parallel in (1, 2):
        started = time.perf_counter()
        with ThreadPoolExecutor(parallel) as pool:
            futures = [
                pool.submit(train, name, prepared.views, shorten(name, count), SEED, usable_cores() // parallel or 1)
                for name, count in epochs.items()
            ]
        wall[parallel] = time.perf_counter() - started
        for future in futures:
            future.result()
    ratio = wall[2] / wall[1]
    table = [{"trainings at once": parallel, "wall seconds": round(seconds)} for parallel, seconds in wall.items()]
    return Outcome(f"{ratio:.2f} of the wall time of one after the other", ratio <= 1.0, table)


def medians(repeats: list[dict[str, float]]) -> dict[str, float]:
    """Return the median over repeats of each figure."""
    return {name: statistics.median(repeat[name] for repeat in repeats) for name in repeats[0]}


def shorten(variant: str, epochs: int) -> TrainConfig:
    """Return the variant's recipe in the preset `quick` with this number of epochs and without a time budget."""
    recipe = PRESETS["quick"].recipe(variant, 0)
    return recipe.model_copy(update={"epochs": epochs, "time_budget_minutes": 0.0})


def measure_flow_overhead(_source: str) -> Outcome:
    """Subtract the time of the stages from the time of an `emotion run` of the preset `smoke` on the sample.

    The rest is the start of Python, imports, Prefect's engine and API, logs and artifacts.
    """
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with prefect_server(Path(folder), load_settings().server_start_seconds):
            server = time.perf_counter() - started
            run = run_emotion(Path(folder), "--source", "sample", "--preset", "smoke", "--parallel", "1")
        seconds: Counter[str] = Counter()
        for path in Path(folder).glob(f"*/*/{RECORD_NAME}"):
            record = read_record(path.parent)
            seconds[record.stage] += record.seconds
    beside = seconds[EXPORTS_STAGE]  # the export is made while the report is, which waits for it
    overhead = run.wall_seconds - (seconds.total() - beside)
    table: list[dict[str, Any]] = [
        {"part": f"stage `{stage}`{BESIDE if stage == EXPORTS_STAGE else ''}", "seconds": round(spent, 1)}
        for stage, spent in seconds.items()
    ]
    table += [
        {"part": "everything else of `emotion run`", "seconds": round(overhead, 1)},
        {"part": "not included: the start of a server", "seconds": round(server, 1)},
    ]
    return Outcome(f"{overhead:.1f} s of {run.wall_seconds:.0f} s", overhead <= 15, table)


def measure_start_up_times(_source: str) -> Outcome:
    """Time what a person waits for, see `benchmarks.start_up`."""
    found = measure_start_up()
    late = [one.name for one in found if one.at_most is not None and one.seconds > one.at_most]
    summary = f"too slow: {', '.join(late)}" if late else "every command is within its target"
    return Outcome(summary, not late, tabulate(found))


def measure_child_memory(source: str) -> Outcome:
    """Compare the peak memory of a training on the real images with one on an index that repeats them."""
    prepared = prepare(source, "quick")
    recipe = PRESETS["quick"].recipe("compact", MEMORY_MINUTES)
    peaks = {}
    with tempfile.TemporaryDirectory(dir=prepared.views.parent) as folder:
        for copies in (1, MANY_COPIES):
            views = repeat_train(prepared.views, Path(folder) / str(copies), copies)
            usage, _ = train("compact", views, recipe, SEED)
            peaks[ViewsIndex.load(views).count("train")] = usage.peak_bytes
    few, many = peaks.values()
    table = [{"training images": f"{images:,}", "peak MiB": peak >> 20} for images, peak in peaks.items()]
    return Outcome(f"{many / few - 1:+.1%} with {MANY_COPIES} times the images", abs(many / few - 1) <= 0.1, table)


def repeat_train(views: Path, target: Path, copies: int) -> Path:
    """Create a directory of views that lists the train part of another `copies` times; files are linked, not copied."""
    target.mkdir()
    files = ViewsIndex.load(views).files
    for file in files:
        (target / file.name).hardlink_to(views / file.name)
    write_index(target, [file for file in files for _ in range(copies if file.part == "train" else 1)])
    return target


def measure_quick(source: str) -> Outcome:
    """Run the preset `quick` in a new workspace."""
    with tempfile.TemporaryDirectory() as folder:
        run = run_emotion(Path(folder), "--source", source, "--preset", "quick")
        results = read_newest_results(Path(folder))
    best = scored_variants(results)[0].parts["validation"]
    minutes = run.wall_seconds / 60
    summary = f"{minutes:.1f} minutes, best variant {interval(best)} %"
    return Outcome(summary, minutes <= 15 and best.accuracy >= 0.75, _leaderboard(results))


def measure_best(source: str) -> Outcome:
    """Run the preset `best` in the workspace of the settings, so that an interrupted run resumes."""
    workspace = load_settings().workspace
    run_emotion(workspace, "--source", source, "--preset", "best", "--parallel", "1")
    results = read_newest_results(workspace)
    trained = scored_variants(results)
    single = next(variant for variant in trained if variant.name != ENSEMBLE_NAME)
    vote = next((variant for variant in trained if variant.name == ENSEMBLE_NAME), single)
    of_single, of_vote = single.parts["validation"], vote.parts["validation"]
    summary = f"`{single.name}` {interval(of_single)} %, `{vote.name}` {interval(of_vote)} %"
    return Outcome(summary, of_single.accuracy >= 0.80 and of_vote.accuracy >= 0.82, _leaderboard(results))


def measure_audit(source: str) -> Outcome:
    """Judge the label audit by people's votes, see `benchmarks.labels.audit_quality`."""
    votes = read_votes(source)
    with tempfile.TemporaryDirectory() as folder:
        audits, answered = audit_twice(source, Path(folder), votes)
        judged = [(audited, one) for audited in audits for one in judge_audit(audited, votes, answered)]
    alone = judged[0][1]
    sentences = [
        f"with {audited.name} precision {one.precision:.1%} at recall {one.recall:.1%}, {one.first:.1%} of the first "
        f"{FIRST}"
        for audited, one in judged[::2]
    ]
    met = alone.precision >= GOAL_PRECISION and alone.recall >= GOAL_RECALL and alone.first >= GOAL_FIRST
    return Outcome("; ".join(sentences), met, [tabulate_judged(*pair) for pair in judged])


def run_emotion(workspace: Path, *arguments: str) -> Usage:
    """Run `emotion run` with these arguments in a workspace."""
    return run_command([EMOTION, "run", *arguments], {"EMOTION_WORKSPACE": str(workspace)})


def train(variant: str, views: Path, recipe: TrainConfig, seed: int, threads: int = 0) -> tuple[Usage, VariantResult]:
    """Train a variant in a child process, as a run does; with 0 threads it uses all cores."""
    chosen = find_variant(variant)
    threads = threads or usable_cores()
    spec = FitSpec(
        name=variant,
        description=chosen.description,
        builder=chosen.builder,
        views=views,
        train=recipe,
        seed=seed,
        threads=threads,
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "spec.json").write_text(spec.model_dump_json())
        usage = run_module("models.training.fit", folder, environment=child_environment(threads, folder))
        return usage, VariantResult.model_validate_json((Path(folder) / "result.json").read_text())


def interval(part: PartMetrics) -> str:
    """Format an accuracy with its 95 % interval, in percent."""
    return f"{100 * part.accuracy:.1f} ({percent_range(part.accuracy_low, part.accuracy_high)})"


def _leaderboard(results: RunResults) -> list[dict[str, Any]]:
    return [
        {
            "variant": f"`{variant.name}`",
            "validation": interval(variant.parts["validation"]),
            "core-seconds": round(variant.core_seconds),
            "epochs": f"{variant.best_epoch} of {len(variant.epochs)}",
            "peak GiB": round(variant.peak_memory_bytes / 2**30, 1),
        }
        for variant in scored_variants(results)
    ]


ROWS: dict[str, Row] = {
    "cost-to-seed-accuracy": Row(
        "Core-seconds to 72.9 % validation accuracy, against the notebook's network, recipe and loader",
        "at least 40 times fewer",
        measure_cost_to_seed_accuracy,
    ),
    "input-rates": Row(
        "The input pipeline alone, augmented training images a second",
        "at least 30 times ImageDataGenerator and 10 times augmentation layers",
        measure_input_rates,
    ),
    "input-share": Row("The input pipeline's share of a training step", "at most 3 %", measure_input_share),
    "parallel": Row(
        "Trainings two at once, against one after the other", "at most 1.0 of the wall time", measure_parallel
    ),
    "start-up": Row("Start-up times of the commands", "each as in the table", measure_start_up_times),
    "flow-overhead": Row("What the flow costs beside its stages", "at most 15 s", measure_flow_overhead),
    "child-memory": Row("Peak memory of one training with many images", "within 10 %", measure_child_memory),
    "quick": Row(
        "The preset `quick` from nothing", "at most 15 minutes, best variant at least 75 %", measure_quick, short=False
    ),
    "audit": Row(
        "The label audit, judged by people's votes on FER2013 (four classes)",
        f"precision {GOAL_PRECISION:.0%} at recall {GOAL_RECALL:.0%}, {GOAL_FIRST:.0%} of the first {FIRST} suspects",
        measure_audit,
        short=False,
    ),
    "best": Row(
        "The preset `best`: its best single variant and its vote", "at least 80 % and 82 %", measure_best, short=False
    ),
}
