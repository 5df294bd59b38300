"""Reading of a file of votes: which image each row is about, and how often each class was chosen.

The file is a CSV or Parquet with a column for each class. Names of classes are read as those of folders are, so FER+'s
`happiness` is `happy`. A column of a class that the data set does not have counts as `other`.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.base.errors import PipelineError
from data.base.names import ClassNames
from data.sources.tables.csv_files import open_csv
from data.sources.tables.suffixes import is_parquet_name
from data.votes.column import EXTRAS, NO_FACE, OTHER, UNKNOWN, vote_names

IMAGE_COLUMNS = ("image", "path", "file", "filename", "filepath", "imageid", "imagename")
PIXEL_COLUMNS = ("pixelsha256", "pixelhash", "sha256")
USAGE_COLUMN = "usage"
FER_PLUS_COLUMNS = (USAGE_COLUMN, "imagename", "nf")

EXTRA_COLUMNS: Mapping[str, Sequence[str]] = {
    OTHER: ("other", "others"),
    UNKNOWN: ("unknown", "unsure", "uncertain"),
    NO_FACE: ("noface", "nf", "notaface"),
}
"""Names of columns for answers besides the classes; case, blanks and punctuation do not count."""

IGNORED_COLUMNS = ("", "index", "id", "row", "label", "split", "total", "sum", "votes", "people", "unnamed0")
"""Names of columns that are not votes, whatever they hold."""

EXAMPLES = 5

MOST_VOTES = 1_000_000
"""Largest number in a cell: a larger one is no count of people, and a few such images would be all of the figures."""

FEWEST_VOTES = 1e-3
"""Smallest sum of an image that has votes: shares sum to one, and smaller ones are lost in rounding."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class VotesTable:
    """Rows of a file of votes.

    Args:
        path: the file.
        keys: one row for each row of the file, with text in those of the columns image, pixels and usage that the
            file has; the index is the number of the row, the first one below the header is 1.
        votes: float64 (rows, classes + 3), see `data.votes.column`; a row of zeros is an image without votes.
        columns: each column of the file with votes, and the class or other answer that it is read as.
        is_fer_plus: whether it is FER+'s fer2013new.csv, whose rows are those of fer2013.csv in their order.
    """

    path: Path
    keys: pd.DataFrame
    votes: NDArray[np.float64]
    columns: dict[str, str]
    is_fer_plus: bool = False


def read_votes_file(path: Path, labels: Sequence[str]) -> VotesTable:
    """Read a file of votes.

    Args:
        path: a CSV, separated by comma, semicolon or tab, or Parquet; an empty cell is no vote.
        labels: classes of the data set, in label order.

    Raises:
        PipelineError: the file is missing or damaged, has no column for the image or for a class, or two for one class;
            a number is negative, too large or too small, or not a number; or an image has two rows.
    """
    table = _read_table(path)
    plain = {str(column): _simplify(str(column)) for column in table.columns}
    keys = _read_keys(table, plain, path)
    columns = _read_columns(table, plain, labels, path)
    votes = np.zeros((len(table), len(labels) + len(EXTRAS)))
    places = {name: place for place, name in reversed(list(enumerate(vote_names(labels))))}  # a class called other wins
    for column, name in columns.items():
        votes[:, places[name]] += _read_numbers(table[column], path)
    _refuse_tiny(votes, path)
    _refuse_twice(keys, path)
    if has_mostly_other(votes, len(labels)):
        counted = ", ".join(column for column, name in columns.items() if name == OTHER)
        logger.warning(
            "%s: more votes count as other than for all of %s together; other is the sum of the columns %s: remove "
            "those that are not votes",
            path,
            ", ".join(labels),
            counted,
        )
    return VotesTable(path, keys, votes, columns, is_fer_plus=set(FER_PLUS_COLUMNS) <= set(plain.values()))


def has_mostly_other(votes: NDArray[np.float64], classes: int) -> bool:
    """Tell whether more votes are for classes that the data set does not have than for all that it has.

    Then a column of numbers, such as an age, was perhaps taken for votes.

    Args:
        votes: (images, classes + 3), see `data.votes.column`.
        classes: number of classes of the data set.
    """
    return bool(votes[:, classes + EXTRAS.index(OTHER)].sum() > votes[:, :classes].sum())


def _read_table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise PipelineError(f"{path} is not there; expected a CSV or Parquet with the votes for each image")
    try:
        if is_parquet_name(path.name):
            table = pd.read_parquet(path).reset_index(drop=True)
        else:
            with open_csv(path) as opened:
                table = pd.DataFrame([fields for _, fields in opened.rows], columns=list(opened.columns), dtype="str")
    except (OSError, ValueError) as error:
        raise PipelineError(f"{path} is not a readable CSV or Parquet ({error}): save it again") from error
    repeated = table.columns[table.columns.duplicated()].tolist()
    if repeated or table.empty:
        got = f"the column {repeated[0]} twice" if repeated else "no row"
        raise PipelineError(f"{path}: got {got}, expected a column for each class and a row for each image: correct it")
    return table.set_index(pd.RangeIndex(1, len(table) + 1))


def _read_keys(table: pd.DataFrame, plain: Mapping[str, str], path: Path) -> pd.DataFrame:
    wanted = {"pixels": PIXEL_COLUMNS, "image": IMAGE_COLUMNS, "usage": (USAGE_COLUMN,)}
    found = {}
    for key, names in wanted.items():
        columns = [column for name in names for column, short in plain.items() if short == name]
        if columns:
            text = table[columns[0]].fillna("").astype("str").str.strip()
            found[key] = text.str.lower() if key == "pixels" else text
    if not {"pixels", "image"} & set(found):
        raise PipelineError(
            f"{path}: got the columns {', '.join(map(str, table.columns))}; expected image, the path of each image in "
            "the data set, or pixel_sha256, as in suspects.csv: add one of them"
        )
    return pd.DataFrame(found, index=table.index)


def _read_columns(table: pd.DataFrame, plain: Mapping[str, str], labels: Sequence[str], path: Path) -> dict[str, str]:
    """Return what each column with votes is read as; refuse a class with no column, or with two."""
    classes = ClassNames(tuple(labels))
    extras = {name: extra for extra, names in EXTRA_COLUMNS.items() for name in names}
    keys = {*IMAGE_COLUMNS, *PIXEL_COLUMNS, USAGE_COLUMN, *IGNORED_COLUMNS}
    columns: dict[str, str] = {}
    for column, short in plain.items():
        label = classes.find(column)
        if label or (short not in keys and (short in extras or _has_numbers(table[column]))):
            columns[column] = label or extras.get(short, OTHER)
    for label in labels:
        of_class = [column for column, name in columns.items() if name == label]
        if len(of_class) != 1:
            raise PipelineError(
                f"{path}: got {', '.join(of_class) or 'no column'} for the class {label} among the columns "
                f"{', '.join(map(str, table.columns))}; expected one column for each of {', '.join(labels)}: correct "
                "the header, or say the classes of the data set by --labels"
            )
    return columns


def _has_numbers(column: pd.Series) -> bool:
    """Tell whether a column has votes: at least one number. Names and remarks have none."""
    return bool(pd.to_numeric(column, errors="coerce").notna().any())


def _read_numbers(column: pd.Series, path: Path) -> NDArray[np.float64]:
    """Return the votes of a column, 0 for an empty cell."""
    text = column.astype("str").str.strip().str.casefold()
    empty = column.isna() | text.isin(("", "nan", "none", "null"))
    numbers = pd.to_numeric(text.mask(empty, "0"), errors="coerce").astype("float64")
    wrong = numbers.index[~numbers.between(0, MOST_VOTES)]
    if len(wrong):
        raise PipelineError(
            f"{path}: got {column.loc[wrong[0]]} in row {wrong[0]} of the column {column.name}"
            f"{f', and {len(wrong) - 1} more such rows' if len(wrong) > 1 else ''}; expected how many people chose it, "
            f"0 to {MOST_VOTES:,.0f}: correct the file"
        )
    return np.asarray(numbers, np.float64)


def _refuse_tiny(votes: NDArray[np.float64], path: Path) -> None:
    sums = votes.sum(axis=1)
    tiny = np.flatnonzero((sums > 0) & (sums < FEWEST_VOTES))
    if tiny.size:
        raise PipelineError(
            f"{path}: got {sums[tiny[0]]:g} votes in all in row {tiny[0] + 1}, expected none or at least "
            f"{FEWEST_VOTES:g}: give how many people chose each class, or their shares"
        )


def _refuse_twice(keys: pd.DataFrame, path: Path) -> None:
    """Refuse two rows about one image: they may be one row repeated, or the votes of two groups of people."""
    key = keys["pixels" if "pixels" in keys else "image"]
    named = key[key != ""]
    twice = sorted(set(named[named.duplicated()]))
    if twice:
        raise PipelineError(
            f"{path}: got more than one row for {', '.join(twice[:EXAMPLES])}"
            f"{f' and {len(twice) - EXAMPLES} more' if len(twice) > EXAMPLES else ''}; expected one row an image: "
            "remove repeated rows, or add their votes up"
        )


def _simplify(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())
