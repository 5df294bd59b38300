"""Style of all charts, and their conversion to SVG that takes its colours and fonts from the page."""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports.common.formatting import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
WIDE_INCHES, NARROW_INCHES = 9.0, 3.7
METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


class RenderedFigure:
    """A rendered figure: its SVG as matplotlib writes it, and its name."""

    def __init__(self, name: str) -> None:
        self.name = re.sub(r"[^a-z0-9-]", "-", name.lower())
        self.svg = ""


@contextmanager
def draw_figure(name: str, width_inches: float, height_inches: float) -> Iterator[tuple["Figure", RenderedFigure]]:
    """Provide a figure in the common style, and render it as SVG at the end of the block."""
    import matplotlib
    from matplotlib.figure import Figure

    drawn = RenderedFigure(name)
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": drawn.name}):
        figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
        yield figure, drawn
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata=METADATA)
        drawn.svg = buffer.getvalue()


def responsive_chart(name: str, draw: Callable[[str, float], str]) -> Markup:
    """Draw a chart of rows twice: wide for a desktop or paper, and narrow for a phone.

    Args:
        name: of the figure on the wide screen.
        draw: takes the figure's name and its width in inches; returns SVG, or nothing.

    Returns:
        Both charts; style.css shows the one that fits the screen.
    """
    drawn = {"on-wide": draw(name, WIDE_INCHES), "on-narrow": draw(f"{name}-narrow", NARROW_INCHES)}
    return Markup("".join(f'<div class="{screen}">{svg}</div>' for screen, svg in drawn.items() if svg))


def name_rows(axes: "Axes", names: Sequence[str]) -> None:
    """Name the rows of a chart with one row for each variant, the first on top."""
    axes.set_yticks(range(len(names)), [shorten(name) for name in names])
    axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=11)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.12)


def draw_whisker(
    axes: "Axes", row: int, ends: tuple[float, float], middle: float, text: str, colour: str, filled: bool = True
) -> None:
    """Draw an interval as a line, and its middle value as a dot with the figure above it."""
    axes.plot(ends, [row, row], color=colour, linewidth=2, solid_capstyle="round")
    axes.plot([middle], [row], marker="o", markersize=8, color=colour, markerfacecolor=colour if filled else "none")
    axes.annotate(text, (middle, row), fontsize=9, xytext=(0, 7), textcoords="offset points", ha="center")


def as_svg(drawn: RenderedFigure, label: str) -> str:
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
