"""Chart of the differences between two runs."""

from typing import TYPE_CHECKING

from data.records.analysis import DISTINGUISHABLE_BELOW
from data.records.run_difference import RunDifference, VariantDifference
from reports.common.charts import BLUE, GREEN, MUTED, ORANGE, as_svg, draw_figure, draw_whisker, name_rows
from reports.common.formatting import percentage_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def differences_figure(difference: RunDifference, name: str, width_inches: float) -> str:
    """Draw how far each variant moved from one run to the next, as dots with whiskers about 0; nothing untested."""
    moved = [variant for variant in difference.variants if variant.difference is not None]
    if not moved:
        return ""
    with draw_figure(name, width_inches, 0.9 + 0.42 * len(moved)) as (figure, drawn):
        axes = figure.subplots()
        axes.axvline(0, color=MUTED, linewidth=1.2)
        for row, variant in enumerate(moved):
            _draw_move(axes, row, variant)
        name_rows(axes, [variant.name for variant in moved])
        axes.set_xlabel("later minus earlier, percentage points")
    label = "; ".join(f"{variant.name} {percentage_points(variant.difference or 0)}" for variant in moved)
    return as_svg(drawn, f"Differences of validation accuracy in points: {label}")


def _draw_move(axes: "Axes", row: int, variant: VariantDifference) -> None:
    low, middle, high = (100 * (value or 0.0) for value in (variant.low, variant.difference, variant.high))
    significant = variant.p_holm is not None and variant.p_holm < DISTINGUISHABLE_BELOW
    colour = (GREEN if middle > 0 else ORANGE) if significant else BLUE
    draw_whisker(axes, row, (low, high), middle, percentage_points(middle / 100), colour, filled=significant)
