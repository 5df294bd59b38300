"""Answers of all people, added up: votes for each picture, and the corrections that most of them agree on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from data.quality.label_corrections import CSV_COLUMNS, REMOVE, name_candidates
from data.review.answer import Line
from data.review.audited import AuditedData
from data.votes.column import EXTRAS, NO_FACE, OTHER, UNKNOWN
from data.workspace.atomic import write_atomically

RELABEL_NAME = "relabel.csv"
VOTES_NAME = "votes.csv"

BYTE_ORDER_MARK = "\ufeff"
"""By which spreadsheets recognise UTF-8."""


class Tally(NamedTuple):
    """Votes of people on the pictures of one data set."""

    votes: pd.DataFrame
    """A row a picture, in the order of the data set: image, pixel_sha256, split, label, and a column an answer."""
    answers: tuple[str, ...]
    """Names of the columns with votes: the classes, other, unknown, no_face."""


def count_votes(people: Sequence[Mapping[str, Line]], known: pd.DataFrame, labels: Sequence[str]) -> Tally:
    """Add up the answers of people on known pictures.

    Args:
        people: the answers of each, by the hash of the picture; see `History.answers`.
        known: a row a picture, by its hash: image, split, label; see `list_pictures`.
        labels: classes of the data set; another answer counts as `other`.
    """
    answers = (*labels, *(value for value in EXTRAS if value not in labels))
    counted: dict[str, dict[str, float]] = {}
    for one in people:
        for picture, line in one.items():
            if picture not in known.index:
                continue
            row = counted.setdefault(picture, dict.fromkeys(answers, 0.0))
            for value, weight in line.votes.items():
                row[value if value in row else OTHER if OTHER in row else UNKNOWN] += weight
    chosen = known.loc[[picture for picture in known.index if picture in counted]]
    table = chosen.reset_index()[["image", "pixel_sha256", "split", "label"]]
    for answer in answers:
        table[answer] = [counted[picture][answer] for picture in table["pixel_sha256"]]
    return Tally(table, answers)


def decide_labels(tally: Tally, labels: Sequence[str]) -> pd.Series:
    """Return what most people say of each picture of a tally.

    Returns:
        A class; `remove` if most say that it shows another expression or no face; empty if the two most frequent
        answers are tied, or most cannot tell.
    """
    decided = []
    for row in tally.votes[list(tally.answers)].to_dict("records"):
        most = max(row.values())
        best = [str(answer) for answer, votes in row.items() if votes == most and votes > 0]
        choice = best[0] if len(best) == 1 else UNKNOWN
        removed = choice in (OTHER, NO_FACE) and choice not in labels
        decided.append(choice if choice in labels else REMOVE if removed else "")
    return pd.Series(decided, index=tally.votes.index, dtype="str")


def make_relabel(tally: Tally, data: AuditedData) -> pd.DataFrame:
    """Return the corrections for the next run: those of this tally, and earlier ones where it decides nothing.

    Args:
        tally: the votes.
        data: the data set, with the answers that it was made with.

    Returns:
        The columns `CSV_COLUMNS` as text.
    """
    suspects = {suspect.image_id: suspect for suspect in data.audit.suspects}
    rows = tally.votes.assign(new_label=decide_labels(tally, data.labels))
    rows = rows[rows["new_label"] != ""].rename(columns={"image": "image_id"})
    found = [suspects.get(name) for name in rows["image_id"].tolist()]
    rows = rows.assign(
        suggested_label=[one.suggested_label if one else "" for one in found],
        suspicion=[f"{one.suspicion:.4f}" if one else "" for one in found],
        candidates=[name_candidates(one) if one else "" for one in found],
    )
    earlier = data.answers[~data.answers["pixel_sha256"].isin(rows["pixel_sha256"])]
    return pd.concat([rows[list(CSV_COLUMNS)], earlier[list(CSV_COLUMNS)]], ignore_index=True)


def write_relabel(table: pd.DataFrame, path: Path) -> None:
    """Write corrections as `emotion run --relabel` reads them."""
    write_atomically(path, BYTE_ORDER_MARK + table.to_csv(index=False, lineterminator="\n"))


def write_votes(tally: Tally, path: Path) -> None:
    """Write votes as `emotion run --votes` reads them: the image's path, its pixels, and a column an answer."""
    table = tally.votes[["image", "pixel_sha256", *tally.answers]]
    write_atomically(path, BYTE_ORDER_MARK + table.to_csv(index=False, lineterminator="\n", float_format="%g"))


def list_pictures(data: AuditedData) -> pd.DataFrame:
    """Return the first image of each picture of a data set, and of those that earlier answers set aside.

    Returns:
        By the hash of the pixels: image, split, label as published.
    """
    used = data.manifest[["path", "pixel_sha256", "split", "label"]].rename(columns={"path": "image"})
    earlier = data.answers[["image_id", "pixel_sha256", "split", "label"]].rename(columns={"image_id": "image"})
    both = pd.concat([used, earlier], ignore_index=True).astype("str")
    pictures = both.drop_duplicates("pixel_sha256").set_index("pixel_sha256")
    # The data set has the labels that earlier answers gave; the answers have those that were published.
    published = earlier[earlier["label"] != ""].drop_duplicates("pixel_sha256", keep="last").set_index("pixel_sha256")
    return pictures.assign(label=published["label"].reindex(pictures.index).fillna(pictures["label"]))
