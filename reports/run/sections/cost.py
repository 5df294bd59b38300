"""Report section on cost: accuracy against each kind of cost, with the Pareto-optimal variants marked."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from data.base.record import Record
from data.records.run import RunResults
from data.records.training import VariantResult
from reports.common.charts import BLUE, ORANGE, as_svg, draw_figure
from reports.common.formatting import join_names, shorten
from reports.run.sources import ReportSources
from reports.run.summary import scored_variants, student_cost_sentences

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

ANCHOR, TITLE = "cost", "Cost"

LABEL_SIDES = (((0, 11), "center"), ((-9, 0), "right"), ((9, 0), "left"), ((0, -11), "center"), ((9, -11), "left"))
"""Places for the name of a point: offset in points, and the alignment of the text."""

COSTS: tuple[tuple[str, str, Callable[[VariantResult], float]], ...] = (
    ("cost", "core-seconds of training", lambda variant: variant.core_seconds),
    ("latency", "milliseconds for one image", lambda v: v.latency.single_milliseconds if v.latency else math.nan),
    ("size", "megabytes of the saved model", lambda variant: variant.file_bytes / 1e6),
    ("work", "million multiply-adds for one image", lambda variant: variant.multiply_adds / 1e6),
)
"""Kinds of cost: anchor of the chart, label of its axis, and the value for a variant."""


class CostPoint(Record):
    """One variant in one of the charts."""

    name: str
    cost: float
    accuracy: float
    on_front: bool = False


class CostChart(Record):
    """Accuracy against one kind of cost."""

    anchor: str
    counts: str
    points: tuple[CostPoint, ...]

    @property
    def front(self) -> tuple[CostPoint, ...]:
        """Return the points on the front, cheapest first."""
        return tuple(sorted((p for p in self.points if p.on_front), key=lambda p: (p.cost, p.accuracy)))


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    return {
        "scored": scored_variants(results),
        "charts": [Markup(pareto_figure(chart)) for chart in cost_charts(results)],
        "student_costs": student_cost_sentences(results),
    }


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write nothing: the leaderboard has the costs in its columns."""
    return []


def cost_charts(results: RunResults) -> list[CostChart]:
    """Weigh the scored variants' accuracy against cost: a chart for each kind of cost that is known for a variant."""
    charts = []
    for anchor, counts, measure in COSTS:
        known = [(v.name, measure(v), v.parts["validation"].accuracy) for v in scored_variants(results)]
        finite = [CostPoint(name=n, cost=c, accuracy=a) for n, c, a in known if c > 0 and math.isfinite(a)]
        if finite:
            charts.append(CostChart(anchor=anchor, counts=counts, points=mark_front(finite)))
    return charts


def mark_front(points: Sequence[CostPoint]) -> tuple[CostPoint, ...]:
    """Mark the Pareto-optimal points: no other point is at least as good in both values and better in one."""
    return tuple(
        point.model_copy(update={"on_front": not any(_dominates(other, point) for other in points)}) for point in points
    )


def _dominates(other: CostPoint, point: CostPoint) -> bool:
    as_good = other.cost <= point.cost and other.accuracy >= point.accuracy
    return as_good and (other.cost, other.accuracy) != (point.cost, point.accuracy)


def pareto_figure(chart: CostChart) -> str:
    """Draw validation accuracy against one kind of cost as SVG, the front in orange and joined by steps."""
    places = [(point.cost, 100 * point.accuracy) for point in chart.points]
    with draw_figure(chart.anchor, 5.4, 3.3) as (figure, drawn):
        axes = figure.subplots()
        axes.set_xscale("log")
        steps = [(point.cost, 100 * point.accuracy) for point in chart.front]
        axes.step(*zip(*steps, strict=True), where="post", color=ORANGE, linewidth=1.2, alpha=0.7)
        for point, (cost, accuracy) in zip(chart.points, places, strict=True):
            edge, face = (ORANGE, ORANGE) if point.on_front else (BLUE, "none")
            axes.plot([cost], [accuracy], marker="o", markersize=8, color=edge, markerfacecolor=face)
        axes.margins(x=0.2, y=0.16)
        _count_axis(axes)
        figure.draw_without_rendering()  # settles the scales that the labels are fitted in
        _label_points(axes, [shorten(point.name) for point in chart.points], places)
        axes.set_xlabel(f"{chart.counts} (log scale)")
        axes.set_ylabel("validation accuracy, %")
    front = join_names([shorten(point.name) for point in chart.front])
    return as_svg(drawn, f"Validation accuracy against {chart.counts}. On the front, cheapest first: {front}")


def _count_axis(axes: "Axes") -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_xlim()
    steps = (1, 2, 5) if high / low < 500 else (1,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()


def _label_points(axes: "Axes", names: Sequence[str], places: Sequence[tuple[float, float]]) -> None:
    """Write each point's name on the first side on which it covers no other name and no point."""
    taken = [_point_box(axes, place) for place in places]
    for name, place in zip(names, places, strict=True):
        label = axes.annotate(name, place, xytext=(0, 0), textcoords="offset points", fontsize=9.5)
        for offset, side in LABEL_SIDES:
            label.set(position=offset, horizontalalignment=side, verticalalignment="center")
            if not any(label.get_window_extent().overlaps(other) for other in taken):
                break
        taken.append(label.get_window_extent())


def _point_box(axes: "Axes", place: tuple[float, float]) -> "Bbox":
    from matplotlib.transforms import Bbox

    x_pixels, y_pixels = axes.transData.transform(place)
    return Bbox.from_bounds(x_pixels - 4, y_pixels - 4, 8, 8)
