"""Report section on the trainings: accuracy, learning rate and time of each epoch, as charts and tables."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from data.records.run import RunResults
from data.records.training import EARLY_STOPPING, EpochRecord, VariantResult
from reports.common.charts import BLUE, GREEN, INK, ORANGE, PURPLE, as_svg, draw_figure
from reports.common.formatting import MISSING, number, percent, shorten
from reports.run.sources import ReportSources

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ANCHOR, TITLE = "training", "Training"


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    trained = [variant for variant in results.variants if variant.epochs]
    limits = accuracy_range(trained)
    figures = [training_figure(variant, f"training-{index}", limits) for index, variant in enumerate(trained)]
    return {
        "trainings": [(v, Markup(svg), epoch_rows(v)) for v, svg in zip(trained, figures, strict=True)],
        "towards": {variant.name: describe_target(variant) for variant in trained},
    }


def describe_target(variant: VariantResult) -> str:
    """Describe what a variant was trained towards; empty for published labels."""
    targets = {"majority": "Trained towards the class that most people chose. ", "votes": "Trained towards the votes. "}
    return targets.get(variant.train_config.get("target", "label"), "")


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write nothing: the section is charts and the tables behind them."""
    return []


def training_figure(variant: VariantResult, name: str, accuracy_range: tuple[float, float]) -> str:
    """Draw one variant's accuracy, learning rate and seconds by epoch, with notable epochs marked.

    Args:
        variant: what was trained.
        name: distinguishes this figure's ids from those of the page's other figures.
        accuracy_range: limits of the accuracy axis in percent, shared by all variants.

    Returns:
        SVG, or an empty string if no epoch was recorded.
    """
    from matplotlib.ticker import MaxNLocator

    if not variant.epochs:
        return ""
    epochs = [record.epoch for record in variant.epochs]
    with draw_figure(name, 3.6, 3.9) as (figure, drawn):
        accuracy, rate, time = figure.subplots(3, 1, sharex=True, height_ratios=(2.6, 1, 1))
        accuracy.plot(epochs, [100 * e.accuracy for e in variant.epochs], color=BLUE, linewidth=1.6)
        accuracy.plot(epochs, [100 * e.monitor_accuracy for e in variant.epochs], color=ORANGE, linewidth=1.6)
        _mark_epochs(accuracy, variant)
        accuracy.set_ylim(*accuracy_range)
        accuracy.set_ylabel("accuracy, %")
        _draw_beneath(rate, epochs, [e.learning_rate for e in variant.epochs], PURPLE)
        rate.set_ylabel("rate")
        _draw_beneath(time, epochs, [e.seconds for e in variant.epochs], GREEN)
        time.set_ylabel("seconds")
        time.set_xlim(min(epochs) - 0.6, max(epochs) + 0.6)
        time.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        time.set_xlabel("epoch")
        figure.align_ylabels()
    marks = [f"best epoch {variant.best_epoch}"] if variant.best_epoch else []
    label = f"Accuracy, learning rate and seconds of {shorten(variant.name)} over {len(epochs)} epochs"
    return as_svg(drawn, "; ".join([label, *marks]))


def _draw_beneath(axes: "Axes", epochs: list[int], values: list[float], colour: str) -> None:
    """Draw a small chart on its own scale, which starts at 0; up to two epochs are dots."""
    from matplotlib.ticker import FixedLocator, MaxNLocator

    axes.plot(epochs, values, color=colour, linewidth=1.4, marker="." if len(epochs) < 3 else "", clip_on=False)
    finite = [value for value in values if math.isfinite(value)]
    top = max(finite, default=0)
    axes.set_ylim(0, 1.15 * top or 1)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=2) if top else FixedLocator([0]))
    axes.tick_params(axis="y", labelsize=9)


def _mark_epochs(axes: "Axes", variant: VariantResult) -> None:
    best = [e for e in variant.epochs if e.epoch == variant.best_epoch]
    _mark(axes, best, {"marker": "o", "markersize": 7, "color": ORANGE})
    hollow = {"markersize": 7, "markerfacecolor": "none", "color": INK}
    _mark(axes, [e for e in variant.epochs if e.resumed], {"marker": "^", **hollow})
    _mark(axes, [e for e in variant.epochs if e.partial], {"marker": "s", **hollow})
    stopped = variant.epochs[-1:] if variant.stopped_because == EARLY_STOPPING else ()
    _mark(axes, stopped, {"marker": "X", **hollow})


def _mark(axes: "Axes", records: Sequence[EpochRecord], look: dict[str, Any]) -> None:
    heights = [100 * record.monitor_accuracy for record in records]
    axes.plot([record.epoch for record in records], heights, linestyle="none", **look)


def accuracy_range(variants: Sequence[VariantResult]) -> tuple[float, float]:
    """Return limits in percent that hold every finite training accuracy of these variants."""
    seen = [rate for v in variants for e in v.epochs for rate in (e.accuracy, e.monitor_accuracy)]
    finite = [100 * rate for rate in seen if math.isfinite(rate)]
    if not finite:
        return 0.0, 100.0
    return max(0.0, min(finite) - 4), min(100.0, max(finite) + 4)


def epoch_rows(variant: VariantResult) -> list[dict[str, str]]:
    """List the epochs of a training as table rows of text."""
    return [_epoch_row(variant, record) for record in variant.epochs]


def _epoch_row(variant: VariantResult, record: EpochRecord) -> dict[str, str]:
    notes = {
        "best": record.epoch == variant.best_epoch,
        "resumed": record.resumed,
        "cut short": record.partial,
        "stopped early": record is variant.epochs[-1] and variant.stopped_because == EARLY_STOPPING,
    }
    return {
        "epoch": str(record.epoch),
        "train": percent(record.accuracy),
        variant.monitor: percent(record.monitor_accuracy),
        "learning rate": _rate(record.learning_rate),
        "seconds": number(record.seconds, 1),
        "core-seconds": number(record.core_seconds, 1),
        "note": ", ".join(name for name, holds in notes.items() if holds),
    }


def _rate(value: float) -> str:
    """Format a learning rate with three digits, whatever its size."""
    return f"{value:.3g}" if math.isfinite(value) else MISSING
