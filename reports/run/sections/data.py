"""Report section on the data: verdict, rules, class balance, and pictures of each class."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from data.base.record import Record
from data.records.run import RunResults
from reports.common.charts import CLASS_COLOURS, INK, as_svg, draw_figure
from reports.common.formatting import join_names, shorten
from reports.common.images import encode_png
from reports.common.markdown_text import markdown_table
from reports.dataset.exhibits import DataEvidence, load_evidence
from reports.dataset.verdict_page import describe_data
from reports.run.sources import ReportSources

ANCHOR, TITLE = "data", "Data"


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    evidence = load_evidence(sources.verdict) if sources.verdict else DataEvidence(changes=results.changes)
    balance = [
        (part, sum(counts.values()), Markup(class_balance_figure(part, counts, results.classes)))
        for part, counts in results.data.counts_used.items()
    ]
    sheets = load_contact_sheets(sources.pictures, results.classes)
    own = [variant.name for variant in results.variants if results.own_augmentation(variant)]
    described = describe_data(results.data, evidence)
    return {"balance": balance, "sheets": sheets, "own_augmentation": join_names(own), **described}


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the section as lines of Markdown."""
    data = results.data
    counts = [[p, *(f"{c.get(name, 0):,}" for name in results.classes)] for p, c in data.counts_used.items()]
    findings = [
        [finding.rule, when, finding.severity, "passed" if finding.success else "failed", finding.message]
        for when, judged in (
            ("published", data.before.findings),
            ("cleaned", data.after.findings),
            ("since the last", results.changes),
        )
        for finding in judged
    ]
    lines = ["## Data", "", *markdown_table(["part", *results.classes], counts)]
    lines += markdown_table(["rule", "data as", "severity", "outcome", "finding"], findings)
    set_aside = [[count.reason, f"{count.images:,}"] for count in data.quarantine]
    return lines + markdown_table(["set aside because", "images"], set_aside)


def class_balance_figure(part: str, counts: Mapping[str, int], classes: Sequence[str]) -> str:
    """Draw the number of images of each class in a part as bars with their counts; return SVG."""
    with draw_figure(f"balance-{part}", 2.7, 1.55) as (figure, drawn):
        axes = figure.subplots()
        images = [counts.get(label, 0) for label in classes]
        colours = [CLASS_COLOURS[index % len(CLASS_COLOURS)] for index in range(len(classes))]
        bars = axes.barh(range(len(classes)), images, color=colours, height=0.62)
        axes.bar_label(bars, labels=[f"{count:,}" for count in images], padding=4, fontsize=9.5)
        axes.set_yticks(range(len(classes)), [shorten(name) for name in classes])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.25 * max([1, *images]))
        axes.xaxis.set_visible(False)
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
    label = ", ".join(f"{name} {count}" for name, count in zip(classes, images, strict=True))
    return as_svg(drawn, f"Images of each class in {part}: {label}")


class ContactSheet(Record):
    """Train faces of one class, each above its augmented view if there is one."""

    class_name: str
    faces: int
    augmented: bool
    picture: str


def load_contact_sheets(pictures: Path | None, classes: tuple[str, ...]) -> list[ContactSheet]:
    """Read the sample faces of each class, each above its augmented view.

    Args:
        pictures: an .npz with samples and, if views were made, augmented: uint8 (classes, k, height, width[, 3]).
        classes: class names in label order.

    Returns:
        One sheet for each class; none if there is no such file.
    """
    if pictures is None or not pictures.is_file():
        return []
    with np.load(pictures, allow_pickle=False) as stored:
        rows = [stored[key] for key in ("samples", "augmented") if key in stored]
    if not rows:
        return []
    return [
        ContactSheet(
            class_name=name,
            faces=rows[0].shape[1],
            augmented=len(rows) > 1,
            picture=encode_png(np.concatenate([np.concatenate(row[label], axis=1) for row in rows])),
        )
        for label, name in enumerate(classes[: rows[0].shape[0]])
    ]
