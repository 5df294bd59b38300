"""The charts of a report, as SVG that stands inside a page and takes its colours from the page's theme."""

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import Bbox

from data.records import EpochRecord, RunResults, VariantResult
from reports.formatting import percent
from reports.summary import scored_variants

INK, MUTED, LINE = "#010101", "#020202", "#030303"
BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
"""Okabe and Ito's colours, told apart by colour-blind readers."""

THEME = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    BLUE: "var(--blue)",
    ORANGE: "var(--orange)",
    GREEN: "var(--green)",
    PURPLE: "var(--purple)",
}
CLASS_COLOURS = (ORANGE, BLUE, PURPLE, GREEN)

LABEL_SIDES = (((9, 0), "left"), ((-9, 0), "right"), ((0, 11), "center"), ((0, -11), "center"), ((9, -11), "left"))
"""Where the name of a point may stand: offset in points, and how the text is aligned there."""

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 9.5,
}
METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def leaderboard_figure(results: RunResults) -> str:
    """Draw validation accuracy as dots with whiskers, best on top; return SVG, or nothing where nothing is scored."""
    variants = scored_variants(results)
    if not variants:
        return ""
    with _figure("leaderboard", 9.0, 0.9 + 0.42 * len(variants)) as (figure, drawn):
        axes = figure.subplots()
        if results.best is not None and variants[0].name == results.best.name:
            span = (100 * results.best.low, 100 * results.best.high)
            axes.fill_betweenx([-0.32, 0.32], *span, color=ORANGE, alpha=0.22, linewidth=0)
        for row, variant in enumerate(variants):
            _draw_whisker(axes, row, variant)
        axes.set_yticks(range(len(variants)), [variant.name for variant in variants])
        axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=11)
        axes.set_ylim(len(variants) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.12)
        axes.set_xlabel("validation accuracy, %")
    label = "; ".join(f"{v.name} {percent(v.parts['validation'].accuracy)}" for v in variants)
    return _as_svg(drawn, f"Validation accuracy with 95% intervals: {label}")


def _draw_whisker(axes: Axes, row: int, variant: VariantResult) -> None:
    scores, colour = variant.parts["validation"], ORANGE if row == 0 else BLUE
    values = (scores.accuracy_low, scores.accuracy, scores.accuracy_high)
    for repeat in variant.repeats[1:]:
        if repeat.validation_accuracy is not None:
            axes.plot([100 * repeat.validation_accuracy], [row], marker="|", markersize=10, color=INK)
    if variant.published is not None:
        published = 100 * variant.published.validation
        axes.plot([published], [row], marker="D", markersize=5.5, color=MUTED, markerfacecolor="none", linestyle="none")
    if not all(map(math.isfinite, values)):
        return
    low, accuracy, high = (100 * value for value in values)
    axes.plot([low, high], [row, row], color=colour, linewidth=2, solid_capstyle="round")
    axes.plot([accuracy], [row], marker="o", markersize=8, color=colour)
    label = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center"}
    axes.annotate(f"{accuracy:.1f}", (accuracy, row), fontsize=9, **label)


def cost_figure(results: RunResults) -> str:
    """Draw validation accuracy against core-seconds of training; return SVG, or nothing where no point is defined."""
    variants = [v for v in scored_variants(results) if v.core_seconds > 0]
    places = [(v.core_seconds, 100 * v.parts["validation"].accuracy) for v in variants]
    if not any(math.isfinite(accuracy) for _, accuracy in places):
        return ""
    with _figure("cost", 9.0, 4.0) as (figure, drawn):
        axes = figure.subplots()
        axes.set_xscale("log")
        for row, (cost, accuracy) in enumerate(places):
            axes.plot([cost], [accuracy], marker="o", markersize=8, color=ORANGE if row == 0 else BLUE)
        axes.margins(x=0.14, y=0.14)
        _count_axis(axes)
        figure.draw_without_rendering()  # settles the scales that the labels are fitted in
        _label_points(axes, [variant.name for variant in variants], places)
        axes.set_xlabel("core-seconds of training (log scale)")
        axes.set_ylabel("validation accuracy, %")
    return _as_svg(drawn, "Validation accuracy against core-seconds of training")


def _count_axis(axes: Axes) -> None:
    low, high = axes.get_xlim()
    steps = (1, 2, 5) if high / low < 500 else (1,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()


def _label_points(axes: Axes, names: Sequence[str], places: Sequence[tuple[float, float]]) -> None:
    """Name each point on the first of its sides where the name covers no other name and no point."""
    taken = [_point_box(axes, place) for place in places if math.isfinite(place[1])]
    for name, place in zip(names, places, strict=True):
        if not math.isfinite(place[1]):
            continue
        label = axes.annotate(name, place, xytext=(0, 0), textcoords="offset points", fontsize=9.5)
        for offset, side in LABEL_SIDES:
            label.set(position=offset, horizontalalignment=side, verticalalignment="center")
            if not any(label.get_window_extent().overlaps(other) for other in taken):
                break
        taken.append(label.get_window_extent())


def _point_box(axes: Axes, place: tuple[float, float]) -> Bbox:
    x_pixels, y_pixels = axes.transData.transform(place)
    return Bbox.from_bounds(x_pixels - 4, y_pixels - 4, 8, 8)


def training_figure(variant: VariantResult, name: str, accuracy_range: tuple[float, float]) -> str:
    """Draw one variant's accuracy by epoch, with its best, resumed and partial epochs marked.

    Args:
        variant: what was trained.
        name: distinguishes this figure's ids from those of the page's other figures.
        accuracy_range: limits of the accuracy axis in percent, shared by all variants.

    Returns:
        SVG, or an empty string where no epoch was recorded.
    """
    if not variant.epochs:
        return ""
    with _figure(name, 3.6, 2.3) as (figure, drawn):
        axes = figure.subplots()
        epochs = [record.epoch for record in variant.epochs]
        axes.plot(epochs, [100 * e.accuracy for e in variant.epochs], color=BLUE, linewidth=1.6)
        axes.plot(epochs, [100 * e.monitor_accuracy for e in variant.epochs], color=ORANGE, linewidth=1.6)
        _mark_epochs(axes, variant)
        axes.set_ylim(*accuracy_range)
        axes.set_xlim(min(epochs) - 0.6, max(epochs) + 0.6)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        axes.set_xlabel("epoch")
        axes.set_ylabel("accuracy, %")
    marks = [f"best epoch {variant.best_epoch}"] if variant.best_epoch else []
    return _as_svg(drawn, f"Accuracy of {variant.name} over {len(epochs)} epochs; {', '.join(marks)}")


def _mark_epochs(axes: Axes, variant: VariantResult) -> None:
    best = [e for e in variant.epochs if e.epoch == variant.best_epoch]
    _mark(axes, best, {"marker": "o", "markersize": 7, "color": ORANGE})
    hollow = {"markersize": 7, "markerfacecolor": "none", "color": INK}
    _mark(axes, [e for e in variant.epochs if e.resumed], {"marker": "^", **hollow})
    _mark(axes, [e for e in variant.epochs if e.partial], {"marker": "s", **hollow})


def _mark(axes: Axes, records: Sequence[EpochRecord], look: dict[str, Any]) -> None:
    heights = [100 * record.monitor_accuracy for record in records]
    axes.plot([record.epoch for record in records], heights, linestyle="none", **look)


def accuracy_range(variants: Sequence[VariantResult]) -> tuple[float, float]:
    """Return limits in percent that hold every finite training accuracy of these variants."""
    seen = [rate for v in variants for e in v.epochs for rate in (e.accuracy, e.monitor_accuracy)]
    finite = [100 * rate for rate in seen if math.isfinite(rate)]
    if not finite:
        return 0.0, 100.0
    return max(0.0, min(finite) - 4), min(100.0, max(finite) + 4)


def class_balance_figure(part: str, counts: Mapping[str, int], classes: Sequence[str]) -> str:
    """Draw how many images of each class a part has, as bars with their counts; return SVG."""
    with _figure(f"balance-{part}", 2.7, 1.55) as (figure, drawn):
        axes = figure.subplots()
        images = [counts.get(label, 0) for label in classes]
        colours = [CLASS_COLOURS[index % len(CLASS_COLOURS)] for index in range(len(classes))]
        bars = axes.barh(range(len(classes)), images, color=colours, height=0.62)
        axes.bar_label(bars, labels=[f"{count:,}" for count in images], padding=4, fontsize=9.5)
        axes.set_yticks(range(len(classes)), list(classes))
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.25 * max([1, *images]))
        axes.xaxis.set_visible(False)
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
    label = ", ".join(f"{name} {count}" for name, count in zip(classes, images, strict=True))
    return _as_svg(drawn, f"Images of each class in {part}: {label}")


class _Drawn:
    """What a drawn figure leaves behind: its SVG as matplotlib writes it, and its name."""

    def __init__(self, name: str) -> None:
        self.name = re.sub(r"[^a-z0-9-]", "-", name.lower())
        self.svg = ""


@contextmanager
def _figure(name: str, width_inches: float, height_inches: float) -> Iterator[tuple[Figure, _Drawn]]:
    """Hand out a figure in the house's style, and write it as SVG when its block ends."""
    drawn = _Drawn(name)
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": drawn.name}):
        figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
        yield figure, drawn
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata=METADATA)
        drawn.svg = buffer.getvalue()


def _as_svg(drawn: _Drawn, label: str) -> str:
    """Make matplotlib's SVG part of a page: theme colours, page fonts, unique ids, a label, no declarations."""
    svg = drawn.svg[drawn.svg.index("<svg") :]
    svg = re.sub(r"<style.*?</style>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)
    svg = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{drawn.name}-", svg)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--sans)", svg)
    svg = re.sub("|".join(THEME), lambda match: THEME[match[0]], svg)
    width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2]
    size = f'style="width: {float(width) / 72 * 96:.0f}px; aspect-ratio: {width} / {height}"'
    svg = re.sub(r'(?:width|height)="[\d.]+pt" ?', "", svg, count=2)
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(label)}" {size}', 1)
