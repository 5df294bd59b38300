"""Label audit in a report: sentences, the label noise of each class, and contact sheets of suspicious images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from data.base.record import Record
from data.records.dataset import DataSummary
from data.records.label_audit import LabelAudit
from data.workspace.layout import AUDIT_NAME, SUSPECTS_NAME
from reports.common.formatting import join_names, number, percent, plural
from reports.common.images import encode_png
from reports.common.markdown_text import escape_text, markdown_table
from reports.common.templates import make_environment

AUDIT_PAGE_NAME = "audit.html"
SAMPLE_NAME = "sample.csv"
THUMBNAILS_NAME = "pictures.npz"

FACES_PER_ROW = 8
ROWS_IN_MARKDOWN = 20


class SuspectStrip(Record):
    """Faces with one label that are suspected to belong to one other class, most suspicious first."""

    suggested_label: str
    faces: int
    width: float = Field(description="share of a full row's width, 0..1")
    highest: float = Field(description="suspicion of the first face, 0..1")
    lowest: float = Field(description="suspicion of the last face, 0..1")
    picture: str = Field(description="PNG data URI")


class SuspectSheet(Record):
    """The most suspicious images with one label: a strip for each class that is suspected."""

    label: str
    images: int
    suspected: int
    strips: tuple[SuspectStrip, ...]


class AuditView(Record):
    """Content of the template `dataset/label_audit.html`."""

    audit: LabelAudit
    sentences: tuple[str, ...]
    sheets: tuple[SuspectSheet, ...]
    suspects_list: str = Field(default=SUSPECTS_NAME, description="the CSV beside the page")


def load_audit(directory: Path | None, classes: Sequence[str]) -> AuditView | None:
    """Read a finished audit for the report.

    Args:
        directory: holds audit.json and, if any image is suspected, pictures.npz; or None.
        classes: class names in label order.

    Returns:
        What the report shows, or None if no audit exists.
    """
    if directory is None or not (directory / AUDIT_NAME).is_file():
        return None
    audit = LabelAudit.model_validate_json((directory / AUDIT_NAME).read_bytes())
    images, image_ids = _load_thumbnails(directory / THUMBNAILS_NAME)
    sheets = draw_suspect_sheets(audit, images, image_ids, classes) if audit.images else ()
    return AuditView(audit=audit, sentences=tuple(audit_sentences(audit)), sheets=sheets)


def render_audit_page(directory: Path, data: DataSummary) -> None:
    """Write a finished audit as a page of its own into its directory.

    Args:
        directory: holds audit.json and pictures.npz.
        data: the data set whose labels were audited.
    """
    classes = data.data_format.labels
    context = {"audit": load_audit(directory, classes), "classes": classes, "data": data}
    page = make_environment().get_template("dataset/label_audit_page.html").render(context)
    (directory / AUDIT_PAGE_NAME).write_text(page, encoding="utf-8")


def draw_suspect_sheets(
    audit: LabelAudit, images: NDArray[np.uint8], image_ids: Sequence[str], classes: Sequence[str]
) -> tuple[SuspectSheet, ...]:
    """Draw contact sheets of suspects.

    Args:
        audit: the suspects.
        images: gray faces, uint8 (n, height, width), 0..255, of some of the suspects.
        image_ids: their n names.
        classes: class names in label order.

    Returns:
        A sheet for each class, in label order, with the given faces.
    """
    faces = dict(zip(image_ids, images, strict=True))
    return tuple(_draw_sheet(audit, faces, label, classes) for label in range(len(classes)))


def audit_sentences(audit: LabelAudit) -> list[str]:
    """Say in sentences what an audit found and how far to trust it; in one sentence if nothing was audited."""
    if not audit.images:
        return [f"The labels were not audited: {audit.reason}. Train longer or another variant to audit them."]
    suspected = len(audit.suspects)
    share = percent(suspected / audit.images)
    return [
        f"{suspected:,} of {plural(audit.images, 'held-out image')} ({share}) are suspected to be labelled wrongly.",
        f"The suspicion comes from {_name_auditors(audit)}, not trained on these images, which agrees with "
        f"{percent(audit.agreement)} of the labels: many a suspect is its error and not the label's.",
        *_trust_sentences(audit),
        f"A person decides: look at the images, fill in new_label in {SUSPECTS_NAME} for those that are wrong, and "
        f"give the file to the next run: --relabel {SUSPECTS_NAME}. What was answered before stands at its end.",
    ]


def render_audit_markdown(audit: LabelAudit, classes: Sequence[str]) -> str:
    """Render the audit as Markdown without images: sentences, noise of each class, the most suspicious images."""
    lines = ["## Label audit", "", escape_text(" ".join(audit_sentences(audit))), ""]
    if not audit.images:
        return "\n".join(lines)
    noise = [[name, *map(percent, row)] for name, row in zip(classes, audit.noise, strict=True)]
    lines += ["Estimated share of each label's images by true class:", ""]
    lines += markdown_table(["label, then estimated class", *classes], noise)
    counts = zip(classes, audit.suspected_per_class, audit.images_per_class, strict=True)
    lines += markdown_table(["label", "suspected", "images"], [[name, f"{s:,}", f"{n:,}"] for name, s, n in counts])
    return "\n".join(lines + _list_suspects(audit))


def suspect_rows(audit: LabelAudit, limit: int) -> list[dict[str, str]]:
    """Return the most suspicious images as table rows of formatted values."""
    return [
        {
            "image": suspect.image_id,
            "label": suspect.label,
            "suspected": suspect.suggested_label,
            "suspicion": number(suspect.suspicion, 3),
            "candidates": ", ".join(f"{one.label} {percent(one.probability)}" for one in suspect.candidates),
        }
        for suspect in audit.suspects[:limit]
    ]


def _list_suspects(audit: LabelAudit) -> list[str]:
    rows = suspect_rows(audit, ROWS_IN_MARKDOWN)
    if not rows:
        return []
    return ["The most suspicious:", "", *markdown_table(list(rows[0]), [list(row.values()) for row in rows])]


def _trust_sentences(audit: LabelAudit) -> list[str]:
    """Say how many suspects are expected to be wrong, and how to find out better."""
    answered = sum(one.answered for one in audit.answers)
    sentences = []
    if audit.answers:
        wrong = sum(one.wrong for one in audit.answers)
        sentences.append(f"Of {answered:,} labels drawn at random, a person called {wrong:,} wrong.")
    if audit.expected:
        shares = [
            f"{percent(one.share)} ({percent(one.low)} to {percent(one.high)}) of the first {one.first:,}"
            for one in audit.expected
        ]
        basis = "From these answers" if answered else "If the estimated noise is right to within a half"
        sentences.append(f"{basis}, {join_names(shares)} suspects are expected to be wrong.")
    if audit.sample and not answered:
        sentences.append(
            f"A person's answers say more than networks can: fill in new_label in {SAMPLE_NAME}, "
            f"{plural(len(audit.sample), 'image')} drawn at random, and audit again with --answers. The suspects get "
            "better then, and so does what is expected of them."
        )
    return sentences


def _name_auditors(audit: LabelAudit) -> str:
    if len(audit.audited_by) == 1:
        return f"the variant {audit.audited_by[0]}"
    return f"the mean of {join_names(list(audit.audited_by))}" if audit.audited_by else "cross-fitted variants"


def _draw_sheet(audit: LabelAudit, faces: dict[str, NDArray], label: int, classes: Sequence[str]) -> SuspectSheet:
    shown = [s for s in audit.suspects if s.label == classes[label] and s.image_id in faces]
    strips = []
    for name in classes:
        members = [suspect for suspect in shown if suspect.suggested_label == name]
        if members:
            strips.append(
                SuspectStrip(
                    suggested_label=name,
                    faces=len(members),
                    width=min(len(members), FACES_PER_ROW) / FACES_PER_ROW,
                    highest=members[0].suspicion,
                    lowest=members[-1].suspicion,
                    picture=encode_png(_tile([faces[suspect.image_id] for suspect in members])),
                )
            )
    return SuspectSheet(
        label=classes[label],
        images=audit.images_per_class[label],
        suspected=audit.suspected_per_class[label],
        strips=tuple(strips),
    )


def _tile(faces: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Tile faces in rows of at most `FACES_PER_ROW`, gray and opacity: uint8 (rows * height, columns * width, 2)."""
    columns = min(len(faces), FACES_PER_ROW)
    opaque = [np.stack([face, np.full_like(face, 255)], axis=-1) for face in faces]
    # Empty places in the last row are transparent, since the page can be dark.
    padded = opaque + [np.zeros_like(opaque[0])] * (-len(faces) % columns)
    rows = [np.concatenate(padded[start : start + columns], axis=1) for start in range(0, len(padded), columns)]
    return np.concatenate(rows)


def _load_thumbnails(path: Path) -> tuple[NDArray[np.uint8], list[str]]:
    if not path.is_file():
        return np.zeros((0, 1, 1), np.uint8), []
    with np.load(path, allow_pickle=False) as stored:
        return stored["images"], [str(name) for name in stored["image_ids"]]
