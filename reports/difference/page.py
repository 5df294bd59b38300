"""Comparison of two runs as a page and as Markdown: what moved, by how much, and what was made differently."""

from functools import partial
from pathlib import Path
from typing import Any

from data.base.record import Record
from data.records.analysis import DISTINGUISHABLE_BELOW
from data.records.run_difference import RunDifference, RunLabel, VariantDifference
from reports.common.cautions import Caution
from reports.common.charts import responsive_chart
from reports.common.formatting import (
    MISSING,
    date_text,
    join_names,
    number,
    percent,
    percent_range,
    percentage_points,
    plural,
    points_range,
    probability_value,
)
from reports.common.markdown_text import escape_text, markdown_table
from reports.common.templates import make_environment
from reports.difference.chart import differences_figure

DIFFERENCE_PAGE = "compare.html"
DIFFERENCE_MARKDOWN = "compare.md"


class DifferenceRow(Record):
    """One variant in a comparison of runs, every value as text."""

    variant: str
    earlier: str
    later: str
    difference: str
    interval: str
    p_holm: str
    outcome: str
    macro_f1: str
    core_seconds: str


def render_difference(difference: RunDifference, out: Path) -> Path:
    """Write a comparison of two runs as compare.html and compare.md.

    Args:
        difference: the comparison.
        out: the directory to write into; it is made if it is missing.

    Returns:
        The page.
    """
    out.mkdir(parents=True, exist_ok=True)
    context = {"difference": difference, "cautions": difference_cautions(difference), **describe_difference(difference)}
    page = make_environment().get_template("difference/page.html").render(context)
    (out / DIFFERENCE_PAGE).write_text(page, encoding="utf-8")
    (out / DIFFERENCE_MARKDOWN).write_text(difference_markdown(difference), encoding="utf-8")
    return out / DIFFERENCE_PAGE


def describe_difference(difference: RunDifference) -> dict[str, Any]:
    """Return what the template difference/difference.html is filled with, beside the comparison itself."""
    return {
        "difference_sentences": difference_sentences(difference),
        "difference_method": difference_method(difference),
        "difference_rows": difference_rows(difference),
        "difference_chart": responsive_chart("differences", partial(differences_figure, difference)),
    }


def difference_cautions(difference: RunDifference) -> list[Caution]:
    """List what a reader must know before reading a figure, critical cautions first."""
    sides, found = (difference.earlier, difference.later), []
    if sides[0].synthetic != sides[1].synthetic:
        text = "One run is on drawn faces and the other on photographs: their accuracies say nothing of each other."
        found.append(Caution(level="critical", text=text))
    elif sides[0].synthetic:
        text = "The data is synthetic: drawn faces, not photographs. No figure here says anything about real faces."
        found.append(Caution(level="warning", text=text))
    flattered = [
        v.name
        for v in difference.variants
        if any(s is not None and s.chosen_on_validation for s in (v.earlier, v.later))
    ]
    if flattered:
        text = f"The epochs of {join_names(flattered)} were chosen on validation itself: its accuracy flatters them."
        found.append(Caution(level="warning", text=text))
    return found


def difference_sentences(difference: RunDifference) -> list[str]:
    """Word the result of the comparison in sentences made from its figures."""
    said = [_best_sentence(difference)]
    tested = [v for v in difference.variants if v.difference is not None]
    if not tested and any(v.method == "other labels" for v in difference.variants):
        return [*said, f"Nothing is tested, because {difference.unpaired_because}."]
    if not tested:
        return [*said, "No variant has a separate training in each run, so there is nothing to test."]
    better = [v for v in tested if _is_significant(v) and (v.difference or 0) > 0]
    worse = [v for v in tested if _is_significant(v) and (v.difference or 0) < 0]
    if better:
        said.append(f"More accurate than before: {_name_with_points(better)}.")
    if worse:
        said.append(f"Less accurate than before: {_name_with_points(worse)}.")
    alike = [v for v in tested if not _is_significant(v)]
    if alike:
        said.append(f"Not distinguishable from before: {_name_with_points(alike)}.")
    return said


def _best_sentence(difference: RunDifference) -> str:
    was, now = difference.earlier, difference.later
    if was.accuracy is None or now.accuracy is None:
        silent = [name for name, side in (("earlier", was), ("later", now)) if side.accuracy is None]
        return f"No variant is scored in the {join_names(silent)} run."
    told = [
        f"{side.best} with {percent(side.accuracy or 0)} (95% interval "
        f"{percent_range(side.accuracy_low or 0, side.accuracy_high or 0)}, {side.validation_images:,} images)"
        for side in (was, now)
    ]
    return f"The most accurate was {told[0]} and is {told[1]}."


def _name_with_points(variants: list[VariantDifference]) -> str:
    return join_names([f"{v.name} ({percentage_points(v.difference or 0)} points)" for v in variants])


def difference_method(difference: RunDifference) -> str:
    """Word how the variants were tested, in one or two sentences; nothing if none was tested."""
    tested = sum(variant.difference is not None for variant in difference.variants)
    if not tested:
        return ""
    holm = f", Holm-corrected over {plural(tested, 'variant')}" if tested > 1 else ""
    at_once = "; the intervals hold for all of them at once" if tested > 1 else ""
    if difference.paired:
        images = f"the same {difference.later.validation_images:,} validation images"
        return f"Answers are compared in pairs on {images}: exact McNemar{holm}{at_once}."
    return (
        f"Compared as two proportions{holm}, not in pairs, since {difference.unpaired_because}{at_once}. "
        "Where the runs share images, this sees less than there is."
    )


def _is_significant(variant: VariantDifference) -> bool:
    return variant.p_holm is not None and variant.p_holm < DISTINGUISHABLE_BELOW


def difference_rows(difference: RunDifference) -> list[DifferenceRow]:
    """Return the table of the variants."""
    return [_row(variant) for variant in difference.variants]


def _row(variant: VariantDifference) -> DifferenceRow:
    was, now = variant.earlier, variant.later
    measured = variant.difference is not None
    return DifferenceRow(
        variant=variant.name,
        earlier=percent(was.accuracy) if was else MISSING,
        later=percent(now.accuracy) if now else MISSING,
        difference=percentage_points(variant.difference or 0) if measured else MISSING,
        interval=points_range(variant.low or 0, variant.high or 0) if measured else "",
        p_holm=probability_value(variant.p_holm or 0) if measured else MISSING,
        outcome=_outcome(variant),
        macro_f1=f"{number(was.macro_f1, 3) if was else MISSING} → {number(now.macro_f1, 3) if now else MISSING}",
        core_seconds=f"{number(was.core_seconds) if was else MISSING} → {number(now.core_seconds) if now else MISSING}",
    )


def _outcome(variant: VariantDifference) -> str:
    if variant.method == "same training":
        return "the same training"
    if variant.method == "other labels":
        return "judged by other labels"
    if variant.method == "in one run only":
        return "new" if variant.later else "not in the later run"
    if not _is_significant(variant):
        return "not distinguishable"
    return "better" if (variant.difference or 0) > 0 else "worse"


def difference_markdown(difference: RunDifference) -> str:
    """Return the comparison as Markdown without pictures."""
    was, now = difference.earlier, difference.later
    lines = ["# What changed between two runs", ""]
    lines += [f"From {escape_text(_name(was))} to {escape_text(_name(now))}.", ""]
    for caution in difference_cautions(difference):
        lines += [f"> **{caution.level}:** {escape_text(caution.text)}", ""]
    return "\n".join([*lines, *difference_lines(difference, "##")])


def since_sentence(difference: RunDifference) -> str:
    """Return which report a run is compared with."""
    return (
        f"Compared with {_name(difference.earlier)}, the last report on this source: “earlier” is that one, “later” "
        "this one."
    )


def difference_lines(difference: RunDifference, heading: str) -> list[str]:
    """Return the comparison's sentences and tables as lines of Markdown.

    Args:
        difference: the comparison.
        heading: mark of its headings, such as "##".
    """
    lines = [escape_text(" ".join(difference_sentences(difference))), "", f"{heading} Variants", ""]
    lines += [escape_text(difference_method(difference)), ""]
    header = ["variant", "earlier", "later", "points", "interval", "Holm p", "outcome", "macro F1", "core-seconds"]
    lines += markdown_table(header, [list(row.model_dump().values()) for row in difference_rows(difference)])
    lines += [f"{heading} Made differently", ""]
    if not difference.changes:
        return [*lines, "Nothing that is recorded.", ""]
    changes = [[change.area, change.what, change.earlier, change.later] for change in difference.changes]
    return lines + markdown_table(["area", "what", "earlier", "later"], changes)


def _name(side: RunLabel) -> str:
    return f"{side.run_name} ({date_text(side.started)}, preset {side.preset})"
