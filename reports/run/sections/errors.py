"""Report section on the errors of the best variant: strips of faces, frequent confusions, shared errors, slices."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from data.base.record import Record
from data.records.analysis import ConfusedPair, Errors, Face
from data.records.run import RunResults
from reports.common.formatting import join_names, percent, percent_range, plural
from reports.common.images import encode_png
from reports.common.markdown_text import escape_text, markdown_table
from reports.run.slices import slice_rows, slice_sentence
from reports.run.sources import ReportSources

ANCHOR, TITLE = "errors", "Errors"


class ShownFace(Record):
    """A face with its prediction and its picture."""

    face: Face
    picture: str = Field(description="PNG data URI; empty if there is no picture of it")


class Strip(Record):
    """Faces that are shown side by side for one reason."""

    title: str
    text: str
    faces: tuple[ShownFace, ...]


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    faces = load_faces(sources.faces)
    return {
        "errors": errors_of(results),
        "confusion_strips": confusion_strips(results, faces),
        "certainty_strips": certainty_strips(results, faces),
        "slice_sentence": slice_sentence(results),
        "slice_rows": slice_rows(results),
    }


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the section as lines of Markdown; none without an analysis of errors."""
    errors = errors_of(results)
    if errors is None:
        return []
    pairs = [[f"{pair.label} taken for {pair.predicted}", confusion_sentence(pair)] for pair in errors.pairs]
    lines = [f"## Errors of {escape_text(errors.variant)} on validation", ""]
    lines += markdown_table(["confusion", "images"], pairs) if pairs else []
    lines += [escape_text(said), ""] if (said := shared_sentence(errors)) else []
    lines += [escape_text(slice_sentence(results)), ""]
    rows = slice_rows(results)
    return lines + (markdown_table(list(rows[0]), [list(row.values()) for row in rows]) if rows else [])


def load_faces(path: Path | None) -> dict[str, str]:
    """Read named faces: image id -> PNG data URI; none if there is no such file. See `data.views.pictures`."""
    if path is None or not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        faces = zip(stored["image_ids"], stored["images"], strict=True)
        return {str(image_id): encode_png(pixels) for image_id, pixels in faces}


def confusion_strips(results: RunResults, faces: Mapping[str, str]) -> list[Strip]:
    """Make a strip for each of the most frequent confusions of the best variant."""
    errors = errors_of(results)
    return [_confusion_strip(pair, faces) for pair in errors.pairs] if errors else []


def certainty_strips(results: RunResults, faces: Mapping[str, str]) -> list[Strip]:
    """Make strips of the worst errors, the most and the least certain answers, and the shared errors."""
    errors = errors_of(results)
    if errors is None:
        return []
    strips = [
        ("Worst errors", f"Where {errors.variant} is most certain and wrong.", errors.worst),
        ("Surest", f"Of all images those that {errors.variant} is most certain of.", errors.surest),
        ("Least sure", "Where its first choice is least probable.", errors.least_sure),
        ("Wrong by all", shared_sentence(errors), errors.shared_faces if errors.variants > 1 else ()),
    ]
    worth = [strip for strip in strips if strip[2] or (strip[0] == "Wrong by all" and errors.weak)]
    return [Strip(title=title, text=text, faces=_show(shown, faces)) for title, text, shown in worth]


def errors_of(results: RunResults) -> Errors | None:
    """Return the errors of the best variant, or None without an analysis."""
    return results.analysis.errors if results.analysis else None


def confusion_sentence(pair: ConfusedPair) -> str:
    """Tell how often one class is taken for another, such as "316 of 1,136, 27.8% (95% interval 25.3 to 30.5)"."""
    share = percent(pair.images / pair.of_class)
    return f"{pair.images:,} of {pair.of_class:,}, {share} (95% interval {percent_range(pair.low, pair.high)})"


def shared_sentence(errors: Errors) -> str:
    """Tell how many images every variant gets wrong, and a possible cause; empty if there is only one variant."""
    weak = f"{join_names(list(errors.weak))} {'know' if len(errors.weak) > 1 else 'knows'} too little to be asked."
    if errors.variants < 2:
        return f"Not judged: {weak}" if errors.weak else ""
    share, interval = percent(errors.shared / errors.images), percent_range(errors.shared_low, errors.shared_high)
    said = (
        f"All {errors.variants} variants {'that know enough ' if errors.weak else ''}get "
        f"{plural(errors.shared, 'image')} wrong, {share} of {errors.images:,} (95% interval {interval}); "
        f"on {errors.shared_alike:,} of them they agree on the wrong class"
    )
    if errors.shared_suspects is None:
        said += "."
    else:
        said += f", and of {errors.shared_suspects:,} the label is suspected (see Labels)."
    return f"{said} {weak}" if errors.weak else said


def _confusion_strip(pair: ConfusedPair, faces: Mapping[str, str]) -> Strip:
    title = f"{pair.label} taken for {pair.predicted}"
    return Strip(title=title, text=confusion_sentence(pair), faces=_show(pair.faces, faces))


def _show(shown: Sequence[Face], faces: Mapping[str, str]) -> tuple[ShownFace, ...]:
    return tuple(ShownFace(face=face, picture=faces.get(face.image_id, "")) for face in shown)
