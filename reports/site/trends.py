"""Charts of accuracy and cost over time, across the reports of a workspace."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from reports.common.charts import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, as_svg, draw_figure
from reports.common.formatting import plural
from reports.site.entries import ReportEntry, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SERIES_COLOURS = {"blue": BLUE, "orange": ORANGE, "green": GREEN, "purple": PURPLE}

OTHER_SERIES = "muted"

CHART_INCHES = (9.0, 3.1)

LEAST_SPAN = timedelta(hours=12)
"""Span of the time axis on either side of a single report."""


def colour_series(entries: Sequence[ReportEntry]) -> dict[Series, str]:
    """Return the name of each series' colour in the page's theme; from the fifth on they share one."""
    series = list(dict.fromkeys(entry.series for entry in entries))
    names = [*SERIES_COLOURS, *[OTHER_SERIES] * len(series)]
    return dict(zip(series, names, strict=False))


def accuracy_trend(entries: Sequence[ReportEntry], colours: Mapping[Series, str]) -> str:
    """Draw each report's best validation accuracy with its interval by time; return SVG, or nothing without a point.

    Args:
        entries: the reports, the newest first.
        colours: of the series, see `colour_series`.
    """
    from matplotlib.dates import date2num

    shown = [entry for entry in entries if all(map(math.isfinite, (entry.low, entry.accuracy, entry.high)))]
    if not shown:
        return ""
    with draw_figure("accuracy-trend", *CHART_INCHES) as (figure, drawn):
        axes = figure.subplots()
        _join(axes, shown, [100 * entry.accuracy for entry in shown], colours)
        for entry in shown:
            colour, when = _colour(entry, colours), date2num(entry.started)
            axes.plot([when, when], [100 * entry.low, 100 * entry.high], color=colour, linewidth=1.6)
            if entry.promoted:
                look = {"markersize": 14, "markerfacecolor": "none", "color": INK, "markeredgewidth": 1.3}
                axes.plot([when], [100 * entry.accuracy], marker="o", **look)
        _arrange_time(axes, shown)
        axes.margins(y=0.14)
        axes.set_ylabel("validation accuracy, %")
    return as_svg(drawn, f"Best validation accuracy with its 95% interval of {plural(len(shown), 'report')} by time")


def cost_trend(entries: Sequence[ReportEntry], colours: Mapping[Series, str]) -> str:
    """Draw the core-seconds that each report's best variant cost by time; return SVG, or nothing without a point."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    shown = [entry for entry in entries if entry.core_seconds > 0]
    if not shown:
        return ""
    with draw_figure("cost-trend", *CHART_INCHES) as (figure, drawn):
        axes = figure.subplots()
        axes.set_yscale("log")
        _join(axes, shown, [entry.core_seconds for entry in shown], colours)
        _arrange_time(axes, shown)
        axes.margins(y=0.14)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylabel("core-seconds (log scale)")
    return as_svg(drawn, f"Core-seconds of training of the best variant of {plural(len(shown), 'report')} by time")


def _join(
    axes: "Axes", entries: Sequence[ReportEntry], heights: Sequence[float], colours: Mapping[Series, str]
) -> None:
    """Draw a point for each report; join those of one series: on other images or labels, accuracies are no trend."""
    from matplotlib.dates import date2num

    for series in colours:
        own = [(date2num(e.started), height) for e, height in zip(entries, heights, strict=True) if e.series == series]
        if own:
            times, values = zip(*own, strict=True)
            colour = _colour_named(colours[series])
            axes.plot(times, values, color=colour, linewidth=0.9, marker="o", markersize=6.5, alpha=0.95)


def _colour(entry: ReportEntry, colours: Mapping[Series, str]) -> str:
    return _colour_named(colours[entry.series])


def _colour_named(name: str) -> str:
    return SERIES_COLOURS.get(name, MUTED)


def _arrange_time(axes: "Axes", entries: Sequence[ReportEntry]) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

    first, last = (choose(entry.started for entry in entries) for choose in (min, max))
    margin = max(LEAST_SPAN if first == last else timedelta(minutes=1), (last - first) * 0.05)
    axes.set_xlim(date2num(first - margin), date2num(last + margin))
    locator = AutoDateLocator(tz=UTC, minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))
