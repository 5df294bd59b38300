"""Matching of votes to the images of a manifest: by path, by pixels, or by the order of the rows."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.base.errors import PipelineError
from data.base.names import ClassNames, find_split
from data.base.parts import SPLITS
from data.records.votes import MatchedBy, VotesMatch
from data.votes.column import VOTES
from data.votes.reading import EXAMPLES, VotesTable

NO_ROW = -1

ROW_NAME = re.compile(r"(\d{8})\.png")
"""Name of an image that was a row of a table: see `data.sources.tables.csv_pixels`."""

Place = tuple[str, ...]
"""Folders and name of an image, with the pipeline's names for splits and classes."""


def add_votes(manifest: pd.DataFrame, table: VotesTable, labels: Sequence[str]) -> tuple[pd.DataFrame, VotesMatch]:
    """Add the votes of a file to a manifest.

    Images with equal pixels get equal votes: the mean of the rows about any of them. A path in the file may lack the
    first folders of the image's path in the data set, or have more in front of it.

    Args:
        manifest: one row for each image, see `data.manifest.table.COLUMN_TYPES`.
        table: of `data.votes.reading.read_votes_file`, with the same labels.
        labels: classes of the data set, in label order.

    Returns:
        The manifest with the column `VOTES`, and what was matched.

    Raises:
        PipelineError: no row is about an image of the manifest, one is about several, or two are about one.
    """
    matched_by, rows = _find_rows(manifest, table, labels)
    has_votes = table.votes.sum(axis=1) > 0
    unmatched = np.setdiff1d(np.flatnonzero(has_votes), rows)
    if not (rows[rows != NO_ROW].size and has_votes[rows[rows != NO_ROW]].any()):
        raise PipelineError(
            f"{table.path}: no row is about an image of the data set; it has {_name_key(table, unmatched[:1])}, the "
            f"data set {manifest['path'].iloc[0]}: give the votes of this data set, with paths as in its source"
        )
    voted = (rows != NO_ROW) & has_votes[rows]
    votes = _share_with_copies(manifest, table.votes, np.where(voted, rows, NO_ROW))
    given = ~np.isnan(votes[:, 0])
    known = manifest["split"].isin(SPLITS) & manifest["label"].isin(labels)
    column = pd.Series([row if has else None for row, has in zip(votes.tolist(), given, strict=True)], dtype="object")
    match = VotesMatch(
        matched_by=matched_by,
        columns=table.columns,
        rows=int(has_votes.sum()),
        empty_rows=int((~has_votes).sum()),
        unmatched_rows=len(unmatched),
        unmatched_examples=tuple(_name_key(table, [row]) for row in unmatched[:EXAMPLES]),
        matched_images=int(given.sum()),
        copies=int((given & ~voted).sum()),
        images_without=int((known & ~given).sum()),
    )
    return manifest.assign(**{VOTES: column.to_numpy()}), match


def _find_rows(manifest: pd.DataFrame, table: VotesTable, labels: Sequence[str]) -> tuple[MatchedBy, NDArray[np.int64]]:
    """Return by what images are found, and for each image the position of its row in the file, or `NO_ROW`."""
    if "pixels" in table.keys:
        places = {digest: row for row, digest in enumerate(table.keys["pixels"]) if digest}
        return "pixels", np.array([places.get(digest, NO_ROW) for digest in manifest["pixel_sha256"]], np.int64)
    numbers = [ROW_NAME.fullmatch(path.rsplit("/", 1)[-1]) for path in manifest["path"]]
    if table.is_fer_plus and all(numbers):
        return "row", _rows_by_number(manifest, table, [int(number[1]) for number in numbers if number])
    return "path", _rows_by_path(manifest["path"].tolist(), table, labels)


def _rows_by_number(manifest: pd.DataFrame, table: VotesTable, numbers: list[int]) -> NDArray[np.int64]:
    """Match FER+'s rows, which are in the order of fer2013.csv; their usage tells whether they are."""
    rows = np.array(numbers, np.int64) - 1
    if rows.max() >= len(table.keys):
        raise PipelineError(
            f"{table.path} has {len(table.keys):,} rows, the table of images at least {rows.max() + 1:,}; expected "
            "as many, in the same order: give FER+'s fer2013new.csv as it was published"
        )
    usage = table.keys["usage"].to_numpy()[rows]
    splits = manifest["path"].str.split("/").str[0].to_numpy()
    other = np.flatnonzero([find_split(told) not in (None, split) for told, split in zip(usage, splits, strict=True)])
    if other.size:
        raise PipelineError(
            f"{table.path}: row {rows[other[0]] + 1} is of {usage[other[0]]}, the same row of the images of "
            f"{splits[other[0]]}, and {other.size - 1:,} more differ; expected the rows of fer2013.csv in their order: "
            "give both files as they were published"
        )
    _require_equal_counts(rows, splits, table)
    return rows


def _require_equal_counts(rows: NDArray[np.int64], splits: NDArray[np.object_], table: VotesTable) -> None:
    """Refuse a table of images of which rows were removed: those below have other numbers than in the file of votes.

    Removed images leave gaps in the numbers of the others, and are no fault. Nor are splits of which no image is there.
    """
    if len(rows) != rows.max() + 1:
        return
    told = [find_split(usage) for usage in table.keys["usage"]]
    for split in sorted(set(splits)):
        images, votes = int((splits == split).sum()), told.count(split)
        if images != votes and votes:
            raise PipelineError(
                f"{table.path} has {votes:,} rows of {split}, the table of images {images:,}; expected as many, in the "
                "same order: give both files as they were published"
            )


def _rows_by_path(paths: list[str], table: VotesTable, labels: Sequence[str]) -> NDArray[np.int64]:
    """Match each row to the image whose path ends as its own, or whose path its own ends with."""
    classes = ClassNames(tuple(labels))
    places = [_place(path, classes) for path in paths]
    whole = {place: image for image, place in enumerate(places)}
    endings: defaultdict[Place, list[int]] = defaultdict(list)
    for image, place in enumerate(places):
        for start in range(1, len(place)):
            endings[place[start:]].append(image)
    rows = np.full(len(paths), NO_ROW, np.int64)
    for row, key in enumerate(table.keys["image"]):
        if key and (image := _find_image(_place(key, classes), whole, endings, key, table)) != NO_ROW:
            if rows[image] != NO_ROW:
                both = f"{table.keys['image'].iloc[rows[image]]} and {key}"
                raise PipelineError(
                    f"{table.path}: {both} are both about {paths[image]}; expected one row an image: remove one of them"
                )
            rows[image] = row
    return rows


def _find_image(
    place: Place, whole: dict[Place, int], endings: dict[Place, list[int]], key: str, table: VotesTable
) -> int:
    """Return the image that a path of the file is about, or `NO_ROW`; refuse a path that is about several."""
    for turned in dict.fromkeys((place, _turn(place))):
        # From the whole path on, its endings are tried: folders in front of those of the data set do not matter.
        images = (whole[turned[start:]] for start in range(len(turned)) if turned[start:] in whole)
        found = [image] if (image := next(images, None)) is not None else endings.get(turned, [])
        if len(found) > 1:
            raise PipelineError(
                f"{table.path}: {key} is about {len(found)} images of the data set; expected one: write the paths as "
                "in the source, such as train/happy/1.jpg"
            )
        if found:
            return found[0]
    return NO_ROW


def _place(path: str, classes: ClassNames) -> Place:
    *folders, name = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")] or [""]
    return (*(find_split(folder) or classes.find(folder) or folder for folder in folders), name)


def _turn(place: Place) -> Place:
    """Return a place with its last two folders in the other order: a source may be CLASS/SPLIT."""
    return (*place[:-3], place[-2], place[-3], place[-1]) if len(place) > 2 else place


def _share_with_copies(
    manifest: pd.DataFrame, votes: NDArray[np.float64], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the votes of each image, NaN without: images with equal pixels get the mean of the rows about them."""
    pixels = manifest["pixel_sha256"]
    # An image that cannot be decoded has no pixels to compare: it is alone.
    groups = pd.factorize(pixels.where(pixels != "", manifest["path"]))[0]
    voted = rows != NO_ROW
    sums, counts = np.zeros((groups.max() + 1, votes.shape[1])), np.bincount(groups[voted], minlength=groups.max() + 1)
    np.add.at(sums, groups[voted], votes[rows[voted]])
    means = np.full_like(sums, np.nan)
    np.divide(sums, counts[:, None], out=means, where=counts[:, None] > 0)
    return means[groups]


def _name_key(table: VotesTable, rows: Iterable[int]) -> str:
    """Return how the file names the image of a row."""
    row = next(iter(rows), None)
    if row is None:
        return "no votes"
    number = table.keys.index[row]
    return next((text for text in table.keys.iloc[row] if text), "") or f"row {number}"
