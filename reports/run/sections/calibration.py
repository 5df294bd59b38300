"""Report section on calibration: scores, charts of reliability and coverage, and a threshold to refuse answers."""

import math
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from data.records.analysis import Certainty, Rejection, ReliabilityBin
from data.records.run import RunResults
from reports.common.charts import BLUE, LINE, MUTED, ORANGE, as_svg, draw_figure
from reports.common.formatting import number, percent, percent_range, shorten
from reports.common.markdown_text import escape_text
from reports.run.sources import ReportSources
from reports.run.summary import scored_variants

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ANCHOR, TITLE = "calibration", "Calibration"

LINE_IMAGES = 10
"""Least images in a bin of the reliability chart for the line to go through it; smaller bins are single dots."""


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    certainties = results.analysis.certainties if results.analysis else ()
    rejection = _rejection_of(results)
    figures = [certainty_figure(c, f"certainty-{index}", rejection) for index, c in enumerate(certainties)]
    return {
        "calibrated": [variant for variant in scored_variants(results) if variant.calibration],
        "charts": [(c.variant, Markup(svg)) for c, svg in zip(certainties, figures, strict=True)],
        "rejection": rejection,
        "rejection_sentences": rejection_sentences(rejection) if rejection else [],
    }


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the part on refusing answers as lines of Markdown; none without it."""
    rejection = _rejection_of(results)
    if rejection is None:
        return []
    return ["## When to refuse an answer", "", escape_text(" ".join(rejection_sentences(rejection))), ""]


def _rejection_of(results: RunResults) -> Rejection | None:
    return results.analysis.rejection if results.analysis else None


def certainty_figure(certainty: Certainty, name: str, rejection: Rejection | None = None) -> str:
    """Draw one variant's reliability before and after the temperature, and its accuracy against coverage.

    Args:
        certainty: the variant's reliability and coverage.
        name: distinguishes this figure's ids from those of the page's other figures.
        rejection: marked on the coverage if it belongs to this variant.

    Returns:
        SVG.
    """
    with draw_figure(name, 5.4, 2.6) as (figure, drawn):
        reliability, coverage = figure.subplots(1, 2)
        _draw_reliability(reliability, certainty)
        _draw_coverage(coverage, certainty, rejection)
    return as_svg(
        drawn, f"Reliability of {shorten(certainty.variant)} and its accuracy on the images that it is surest of"
    )


def _draw_reliability(axes: "Axes", certainty: Certainty) -> None:
    axes.plot([0, 100], [0, 100], color=LINE, linewidth=1.2)
    _draw_bins(axes, certainty.before, MUTED, "s")
    _draw_bins(axes, certainty.after, BLUE, "o")
    axes.set_xlim(0, 102)
    axes.set_ylim(0, 102)
    axes.set_xlabel("certainty, %")
    axes.set_ylabel("right answers, %")


def _draw_bins(axes: "Axes", bins: tuple[ReliabilityBin, ...], colour: str, marker: str) -> None:
    """Draw each bin with its interval, and a line through the bins with enough images."""
    held = [piece for piece in bins if piece.images >= LINE_IMAGES]
    axes.plot([100 * p.certainty for p in held], [100 * p.accuracy for p in held], color=colour, linewidth=1.2)
    for piece in bins:
        place = 100 * piece.certainty
        axes.plot([place], [100 * piece.accuracy], color=colour, marker=marker, markersize=4)
        axes.plot([place, place], [100 * piece.low, 100 * piece.high], color=colour, linewidth=0.9, alpha=0.6)


def _draw_coverage(axes: "Axes", certainty: Certainty, rejection: Rejection | None) -> None:
    shares = [100 * point.coverage for point in certainty.coverage]
    axes.plot(shares, [100 * point.accuracy for point in certainty.coverage], color=BLUE, linewidth=1.6)
    if rejection is not None and rejection.variant == certainty.variant and rejection.taken:
        place = (100 * rejection.taken / rejection.images, 100 * rejection.accuracy)
        axes.plot([place[0], place[0]], [100 * rejection.low, 100 * rejection.high], color=ORANGE, linewidth=1.6)
        axes.plot([place[0]], [place[1]], color=ORANGE, marker="D", markersize=6)
    axes.set_xlim(0, 102)
    axes.set_xlabel("surest images, %")
    axes.set_ylabel("accuracy on them, %")


def rejection_sentences(rejection: Rejection) -> list[str]:
    """Tell the least certainty at which to accept an answer, and what that costs on validation."""
    wanted = percent(rejection.wanted, 0)
    if rejection.threshold is None:
        return [
            f"No threshold can be recommended: on the {rejection.selection_images:,} selection images no certainty of "
            f"{rejection.variant} makes its answers surely {wanted} right."
        ]
    said = [
        f"To have {wanted} of the answers right, take those of {rejection.variant} with a certainty of at least "
        f"{number(rejection.threshold, 3)} after the temperature, and leave the others to a person. The threshold is "
        f"the lowest whose accuracy on {rejection.selection_images:,} selection images has a 95% interval above "
        f"{wanted}; it takes {percent(rejection.selection_taken / rejection.selection_images)} of them."
    ]
    share = f"{percent(rejection.taken / rejection.images)} (95% interval "
    share += f"{percent_range(rejection.taken_low, rejection.taken_high)})"
    cost = f"On validation, which had no part in that, it takes {share} of {rejection.images:,} images"
    if rejection.taken:
        right = f"{percent(rejection.accuracy)} (95% interval {percent_range(rejection.low, rejection.high)})"
        cost += f" and is right on {right} of these"
    if math.isfinite(rejection.refused_accuracy):
        cost += f"; of the refused images it would have classified {percent(rejection.refused_accuracy)} correctly"
    return [*said, f"{cost}."]
