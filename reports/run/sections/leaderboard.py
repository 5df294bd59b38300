"""Report section with the leaderboard: the chart of the variants' accuracies."""

import math

from matplotlib.axes import Axes

from data.records.run import RunResults
from data.records.training import VariantResult
from reports.common.charts import BLUE, INK, MUTED, ORANGE, as_svg, draw_figure, draw_whisker, name_rows
from reports.common.formatting import percent, shorten
from reports.run.summary import scored_variants


def leaderboard_figure(results: RunResults, name: str, width_inches: float) -> str:
    """Draw validation accuracy as dots with whiskers, best on top; return SVG, or nothing where nothing is scored."""
    variants = scored_variants(results)
    if not variants:
        return ""
    with draw_figure(name, width_inches, 0.9 + 0.42 * len(variants)) as (figure, drawn):
        axes = figure.subplots()
        if results.best is not None and variants[0].name == results.best.name:
            span = (100 * results.best.low, 100 * results.best.high)
            axes.fill_betweenx([-0.32, 0.32], *span, color=ORANGE, alpha=0.22, linewidth=0)
        for row, variant in enumerate(variants):
            _draw_whisker(axes, row, variant)
        name_rows(axes, [variant.name for variant in variants])
        axes.set_xlabel("validation accuracy, %")
    label = "; ".join(f"{shorten(v.name)} {percent(v.parts['validation'].accuracy)}" for v in variants)
    return as_svg(drawn, f"Validation accuracy with 95% intervals: {label}")


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
    draw_whisker(axes, row, (low, high), accuracy, f"{accuracy:.1f}", colour)
