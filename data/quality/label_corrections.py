"""Correction of labels by a person: the CSV of suspected labels, and its corrections applied to a manifest.

An audit writes `suspects.csv`. A person looks at the images and fills in `new_label` for wrong labels; saved
as `relabel.csv` it is an input of the next run. Rows without a `new_label` are ignored. The audit of that run lists
the earlier answers again, below its new suspects, so that the newest file always holds every answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import Field

from data.base.data_format import SEED_FORMAT
from data.base.errors import PipelineError
from data.base.record import Record
from data.manifest.table import require_columns
from data.records.dataset import RelabelCounts
from data.records.label_audit import LabelAudit, Suspect
from data.votes.column import EXTRAS, VOTES

REMOVE = "remove"
"""Value of `new_label` for an image that shows none of the classes; the image is set aside."""

REMOVED_REASON = "relabel_removed"
"""Reason for such an image in the quarantine."""

CSV_COLUMNS = (
    "image_id",
    "split",
    "label",
    "suggested_label",
    "suspicion",
    "candidates",
    "new_label",
    "pixel_sha256",
)
"""Columns of `suspects.csv`. The last one ties a correction to the pixels that a person looked at."""

REQUIRED_COLUMNS = ("image_id", "new_label", "pixel_sha256")

NAMED_EXAMPLES = 5

NAMED_IMAGES = 3
"""Images that are named for each wrong class, at most."""


class Correction(Record):
    """Answer of a person for one image."""

    new_label: str = Field(description="a class, or remove")
    pixel_sha256: str = Field(description="of the pixels that were looked at")


@dataclass(frozen=True)
class Relabelling:
    """A manifest with its corrections applied; `quarantine` is laid out as `data.quality.cleaning.clean_manifest`'s."""

    manifest: pd.DataFrame
    quarantine: pd.DataFrame
    counts: RelabelCounts


def leave_out_answered(audit: LabelAudit, manifest: pd.DataFrame, answers: pd.DataFrame) -> LabelAudit:
    """Drop the suspects that a person has judged already, whether the label was confirmed or changed.

    Args:
        audit: the suspects.
        manifest: has every suspect, see `data.manifest.table.COLUMN_TYPES`.
        answers: of `read_answers`; an answer for one image holds for all images with equal pixels.
    """
    answered = set(manifest.loc[manifest["pixel_sha256"].isin(answers["pixel_sha256"]), "path"])
    suspects = tuple(suspect for suspect in audit.suspects if suspect.image_id not in answered)
    counts = tuple(sum(suspect.label == name for suspect in suspects) for name in audit.labels)
    return audit.model_copy(update={"suspects": suspects, "suspected_per_class": counts})


def write_audit_csv(audit: LabelAudit, manifest: pd.DataFrame, answers: pd.DataFrame, path: Path) -> None:
    """Write the suspects of an audit for a person to correct, and below them the earlier answers.

    Args:
        audit: the suspects, most suspicious first.
        manifest: has every suspect, see `data.manifest.table.COLUMN_TYPES`.
        answers: of `read_answers`, with which the audited data set was corrected.
        path: of the CSV: UTF-8 with a byte order mark, so that spreadsheets recognise it; columns `CSV_COLUMNS`;
            new_label is empty for suspects.

    Raises:
        PipelineError: a suspect is not in the manifest.
    """
    suspects = pd.DataFrame(
        [
            {**suspect.model_dump(), "suspicion": f"{suspect.suspicion:.4f}", "candidates": name_candidates(suspect)}
            for suspect in audit.suspects
        ],
        columns=list(Suspect.model_fields),
    )
    table = pd.concat([_to_be_answered(suspects, manifest), answers[list(CSV_COLUMNS)]], ignore_index=True)
    table.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\n")


def write_sample_csv(audit: LabelAudit, manifest: pd.DataFrame, path: Path) -> None:
    """Write the random sample of an audit for a person to judge, laid out as `write_audit_csv` does, in random order.

    Nothing that the networks say is in it, so that it does not sway the person.

    Args:
        audit: has the sample.
        manifest: has every image of it.
        path: of the CSV.

    Raises:
        PipelineError: an image of the sample is not in the manifest.
    """
    names = pd.DataFrame({"image_id": list(audit.sample)}, dtype="str")
    _to_be_answered(names, manifest).sort_values("pixel_sha256").to_csv(
        path, index=False, encoding="utf-8-sig", lineterminator="\n"
    )


def join_answers(earlier: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """Join two tables of `read_answers`; where both answer for the same pixels, the later one holds."""
    kept = earlier[~earlier["pixel_sha256"].isin(later["pixel_sha256"])]
    return pd.concat([kept, later], ignore_index=True)


def read_relabel(path: Path, classes: Sequence[str] = SEED_FORMAT.labels) -> dict[str, Correction]:
    """Read the corrections of a filled-in CSV.

    Args:
        path: see `read_answers`.
        classes: see `read_answers`.

    Returns:
        image id -> correction, for the rows with a `new_label`.

    Raises:
        PipelineError: as `read_answers` does.
    """
    return {
        str(row.image_id): Correction(new_label=str(row.new_label), pixel_sha256=str(row.pixel_sha256))
        for row in read_answers(path, classes).itertuples(index=False)
    }


def empty_answers() -> pd.DataFrame:
    """Return an empty table of answers, with the columns of `read_answers`."""
    return pd.DataFrame(columns=list(CSV_COLUMNS), dtype="str")


def read_answers(path: Path, classes: Sequence[str] = SEED_FORMAT.labels) -> pd.DataFrame:
    """Read the rows of a filled-in CSV that have a `new_label`.

    Args:
        classes: the labels that a person may give.
        path: a CSV with at least `REQUIRED_COLUMNS`, separated by commas or, as some spreadsheets save it, semicolons.

    Returns:
        The columns `CSV_COLUMNS` as text, empty if the file lacks one; upper case and spaces around new_label do not
        matter.

    Raises:
        PipelineError: the file is not a readable CSV, columns are missing, a class is unknown, an image is
            listed twice, or a row has no pixel hash.
    """
    table = _read_table(path)
    filled = table.assign(new_label=table["new_label"].str.strip())
    filled = filled[filled["new_label"] != ""]
    plain = {name.casefold(): name for name in (*classes, REMOVE)}
    filled = filled.assign(new_label=filled["new_label"].map(lambda name: plain.get(str(name).casefold(), name)))
    known = (*classes, REMOVE)
    strange = _name_rows(filled[~filled["new_label"].isin(known)])
    _refuse(strange, f"{path}: got new_label", f"expected {', '.join(known)} or nothing: correct these rows")
    twice = filled["image_id"][filled["image_id"].duplicated()]
    _refuse(twice, f"{path}: got more than one new_label for", "expected one an image: keep one row of each")
    loose = filled["image_id"][~filled["pixel_sha256"].str.fullmatch(r"[0-9a-f]{64}")]
    _refuse(loose, f"{path}: got no pixel_sha256 for", "expected that of suspects.csv: copy it from there")
    return filled.reindex(columns=list(CSV_COLUMNS), fill_value="").reset_index(drop=True)


def apply_relabel(
    manifest: pd.DataFrame,
    relabel: Mapping[str, Correction],
    classes: Sequence[str] = SEED_FORMAT.labels,
    file: Path = Path("relabel.csv"),
) -> Relabelling:
    """Apply a person's corrections to a manifest as published, before it is validated and cleaned.

    A correction holds for every image with the same pixels: one picture cannot show two classes, and if a copy kept the
    old class, both would be set aside as a label conflict. An image with votes has the answer as its only vote instead:
    one vote, since it says nothing of how people agree. An image without votes gets none.

    Args:
        manifest: one row an image, see `data.manifest.table.COLUMN_TYPES`; further columns are kept.
        relabel: of `read_relabel`.
        classes: of the data set, in label order, as the answers were read with; votes are stored in this order.
        file: that has them, for messages.

    Returns:
        The manifest without the removed images, those images, and the counts.

    Raises:
        PipelineError: an image is not in the manifest, its pixels changed since it was checked, or two images with
            equal pixels are given different classes.
    """
    require_columns(manifest)
    _check_images(manifest, relabel, file)
    chosen = _labels_by_pixels(relabel, file)
    found = [chosen.get(digest, "") for digest in manifest["pixel_sha256"].tolist()]
    new_label = pd.Series(found, index=manifest.index, dtype="str")
    named, removed = new_label != "", new_label == REMOVE
    decided = named & ~removed
    changed = decided & (new_label != manifest["label"])
    labels = manifest["label"].mask(changed, new_label).astype("str")
    outvoted = decided & manifest[VOTES].notna() if VOTES in manifest else decided & False
    counts = RelabelCounts(
        corrections=len(relabel),
        relabelled=int(changed.sum()),
        removed=int(removed.sum()),
        confirmed=int((decided & ~changed).sum()),
        copies=int((named & ~manifest["path"].isin(list(relabel))).sum()),
        votes_replaced=int(outvoted.sum()),
    )
    if VOTES in manifest:
        manifest = manifest.assign(**{VOTES: _replace_votes(manifest[VOTES], new_label.where(outvoted, ""), classes)})
    set_aside = manifest.loc[removed, ["path", "split", "label"]].assign(reason=REMOVED_REASON)
    kept = manifest.assign(label=labels).loc[~removed].reset_index(drop=True)
    return Relabelling(manifest=kept, quarantine=set_aside.astype("str").reset_index(drop=True), counts=counts)


def _replace_votes(votes: pd.Series, answers: pd.Series, classes: Sequence[str]) -> pd.Series:
    """Return the column `VOTES` with one vote, that for the answer, of each image whose answer is not empty."""
    one_vote = {name: [*(float(name == other) for other in classes), *(0.0 for _ in EXTRAS)] for name in classes}
    pairs = zip(votes.tolist(), answers.tolist(), strict=True)
    return pd.Series([one_vote[answer] if answer else row for row, answer in pairs], index=votes.index, dtype="object")


def _to_be_answered(images: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `CSV_COLUMNS` with split, label and pixels of the manifest, and an empty new_label."""
    require_columns(manifest)
    _refuse_unknown(images["image_id"].tolist(), manifest, "", "audit these images again")
    known = manifest.set_index("path").loc[images["image_id"], ["split", "label", "pixel_sha256"]]
    rows = known.reset_index(drop=True).assign(new_label="")
    others = images.drop(columns=[name for name in rows if name in images])
    return pd.concat([others, rows], axis=1).reindex(columns=list(CSV_COLUMNS), fill_value="")


def name_candidates(suspect: Suspect) -> str:
    """Name the classes that a suspect may show, with probabilities, such as "neutral 0.62; sad 0.30"."""
    return "; ".join(f"{one.label} {one.probability:.2f}" for one in suspect.candidates)


def _read_table(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline()
        separator = ";" if header.count(";") > header.count(",") else ","
        table = pd.read_csv(path, sep=separator, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise PipelineError(
            f"{path} is not a readable CSV ({error}): save the filled-in suspects.csv as UTF-8"
        ) from error
    missing = [name for name in REQUIRED_COLUMNS if name not in table.columns]
    if missing:
        raise PipelineError(
            f"{path}: got the columns {list(table.columns)}, expected {', '.join(missing)} too: "
            "fill in new_label in suspects.csv and leave its other columns as they are"
        )
    return table.fillna("")  # a row shorter than the header


def _name_rows(rows: pd.DataFrame) -> pd.Series:
    """Name each wrong new_label once, with the first images that have it."""
    named = {}
    for label, images in rows.groupby("new_label", sort=False)["image_id"]:
        more = f" and {len(images) - NAMED_IMAGES} more" if len(images) > NAMED_IMAGES else ""
        named[label] = f"{label} ({', '.join(images[:NAMED_IMAGES])}{more})"
    return pd.Series(named, dtype="str")


def _check_images(manifest: pd.DataFrame, relabel: Mapping[str, Correction], file: Path) -> None:
    """Refuse corrections of images that are missing or have changed."""
    _refuse_unknown(list(relabel), manifest, f"{file}: ", "drop their rows, or correct the data set they are of")
    pixels = manifest.set_index("path")["pixel_sha256"]
    other = pd.Series([name for name, entry in relabel.items() if pixels[name] != entry.pixel_sha256], dtype="str")
    _refuse(other, f"{file}: got other pixels than were looked at for", "expected the same: look at these images again")


def _labels_by_pixels(relabel: Mapping[str, Correction], file: Path) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for name, entry in relabel.items():
        if chosen.setdefault(entry.pixel_sha256, entry.new_label) != entry.new_label:
            raise PipelineError(
                f"{file}: got {entry.new_label} for {name} and {chosen[entry.pixel_sha256]} for an image with the same "
                "pixels, expected one class for one picture: decide for one"
            )
    return chosen


def _refuse_unknown(image_ids: list[str], manifest: pd.DataFrame, where: str, advice: str) -> None:
    named = pd.Series(image_ids, dtype="str")
    unknown = named[~named.isin(manifest["path"])]
    _refuse(unknown, f"{where}got images that the data set does not have:", f"expected paths of its manifest: {advice}")


def _refuse(offending: pd.Series, got: str, expected: str) -> None:
    """Raise a PipelineError that names the first few offending values, if there are any."""
    if len(offending):
        more = f" and {len(offending) - NAMED_EXAMPLES} more" if len(offending) > NAMED_EXAMPLES else ""
        raise PipelineError(f"{got} {', '.join(map(str, offending[:NAMED_EXAMPLES]))}{more}; {expected}")
