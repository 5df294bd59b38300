"""Report section with the leaderboard: chart and table of the variants' accuracies."""

import math
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from data.records.run import RunResults
from data.records.training import VariantResult
from reports.common.charts import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    as_svg,
    draw_figure,
    draw_whisker,
    name_rows,
    responsive_chart,
)
from reports.common.formatting import percent, shorten
from reports.common.markdown_text import escape_text, markdown_table
from reports.run.comparison_csv import COMPARISON_LIST
from reports.run.seed_spreads import seed_spreads
from reports.run.sources import ReportSources
from reports.run.summary import leaderboard_rows, scored_variants, student_cost_sentences, tie_letters

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ANCHOR, TITLE = "leaderboard", "Leaderboard"


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    scored = scored_variants(results)
    return {
        "scored": scored,
        "chosen": results.best_of_many(scored[0].name) if scored else None,
        "chart": responsive_chart("leaderboard", partial(leaderboard_figure, results)),
        "comparisons": {comparison.name: comparison for comparison in results.comparisons},
        "comparison_list": COMPARISON_LIST,
        "ties": tie_letters(results),
        "published": [variant for variant in results.variants if variant.published],
        "spreads": seed_spreads(results),
    }


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the section as lines of Markdown; none without variants."""
    rows = leaderboard_rows(results)
    if not rows:
        return []
    note = "Ranked on validation; the test accuracy stands beside it and decides nothing."
    table = markdown_table(list(rows[0]), [list(row.values()) for row in rows])
    costs = [line for sentence in student_cost_sentences(results) for line in (escape_text(sentence), "")]
    return ["## Leaderboard", "", note, "", *table, *_accuracy_chart(results), *costs]


def _accuracy_chart(results: RunResults) -> list[str]:
    """Write validation accuracies as a Mermaid bar chart; its axis starts at 0, as bars must."""
    finite = [v for v in scored_variants(results) if math.isfinite(v.parts["validation"].accuracy)]
    if not finite:
        return []
    names = ", ".join(f'"{_mermaid_text(variant.name)}"' for variant in finite)
    bars = ", ".join(f"{100 * variant.parts['validation'].accuracy:.1f}" for variant in finite)
    chart = ["xychart-beta horizontal", '    title "Validation accuracy, %"', f"    x-axis [{names}]"]
    return ["```mermaid", *chart, "    y-axis 0 --> 100", f"    bar [{bars}]", "```", ""]


def _mermaid_text(name: str) -> str:
    """Replace what could end the quotes, the line or the block of a name."""
    return re.sub(r"[^\w .+-]", "_", shorten(name))


def leaderboard_figure(results: RunResults, name: str, width_inches: float) -> str:
    """Draw validation accuracy as dots with whiskers, best on top.

    Returns:
        SVG, or an empty string if no variant is scored.
    """
    variants = scored_variants(results)
    if not variants:
        return ""
    with draw_figure(name, width_inches, 0.9 + 0.42 * len(variants)) as (figure, drawn):
        axes = figure.subplots()
        if chosen := results.best_of_many(variants[0].name):
            span = (100 * chosen.low, 100 * chosen.high)
            axes.fill_betweenx([-0.32, 0.32], *span, color=ORANGE, alpha=0.22, linewidth=0)
        for row, variant in enumerate(variants):
            _draw_whisker(axes, row, variant)
        name_rows(axes, [variant.name for variant in variants])
        axes.set_xlabel("validation accuracy, %")
    label = "; ".join(f"{shorten(v.name)} {percent(v.parts['validation'].accuracy)}" for v in variants)
    return as_svg(drawn, f"Validation accuracy with 95% intervals: {label}")


def _draw_whisker(axes: "Axes", row: int, variant: VariantResult) -> None:
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
