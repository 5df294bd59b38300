"""Search for the table of a source: which files it is made of, and what kind it is."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from data.base.errors import PipelineError
from data.sources.archives.entries import show_name
from data.sources.tables.csv_files import open_csv
from data.sources.tables.rows import describe_columns, find_column
from data.sources.tables.suffixes import is_csv_name, is_parquet_name, is_sheet_name

TableKind = Literal["pixels", "list", "parquet"]

MOST_CSV_FILES = 50
"""Most CSV files whose header is read; a data set has one, and perhaps some others beside it."""

SHOWN_NAMES = 5

EXPECTED = "emotion and pixels; or path and label; either with or without a split"


class Table(NamedTuple):
    """A table of images."""

    kind: TableKind
    files: tuple[Path, ...]
    """In the order of their paths; more than one for Parquet alone."""
    root: Path
    """Folder to which paths are relative, and below which folders of Parquet files may name splits."""
    is_alone: bool = False
    """Whether the file is given by itself, and not the folder around it."""


def find_table(folder: Path, names: Collection[str]) -> Table | None:
    """Return the table of a folder, or None if it holds none.

    Of several CSV files those nearest to the top count, of these the ones that say splits, and one must be left.

    Args:
        folder: the source.
        names: relative POSIX paths of its files.

    Raises:
        PipelineError: there are several tables, or only files that lack the columns of a table.
    """
    parquet = sorted(name for name in names if is_parquet_name(name))
    lists = [name for name in names if is_csv_name(name)]
    columns = {name: _try_columns(folder / name) for name in sorted(lists)[:MOST_CSV_FILES]}
    found = _choose_csv({name: kind for name, held in columns.items() if (kind := _kind_of(held))}, columns)
    if len(found) + bool(parquet) > 1:
        shown = ", ".join(map(show_name, [*found, *parquet][:SHOWN_NAMES]))
        raise PipelineError(f"{folder} holds more than one table of images: {shown}; give the one as the source")
    if parquet:
        files = tuple(folder / name for name in parquet)
        return Table("parquet", files, folder)
    for name, kind in found.items():
        return Table(kind, (folder / name,), (folder / name).parent)
    return None


def table_of_file(path: Path) -> Table:
    """Return the table that a single file is.

    Raises:
        PipelineError: the file is missing, or is not a table of images.
    """
    if not path.is_file():
        raise PipelineError(f"{path} is not a file; expected a CSV or Parquet file: check the path")
    if is_parquet_name(path.name):
        return Table("parquet", (path,), path.parent, is_alone=True)
    columns = _read_columns(path)
    kind = _kind_of(columns)
    if kind is None:
        raise _wrong_columns(path, columns)
    return Table(kind, (path,), path.parent, is_alone=True)


def refuse_other_tables(folder: Path, names: Collection[str]) -> None:
    """Say what is wrong with the tables of a source that is no data set otherwise.

    Args:
        folder: the source.
        names: relative POSIX paths of its files.

    Raises:
        PipelineError: it holds a CSV without the columns of a table, or a spreadsheet.
    """
    by_depth = sorted(names, key=lambda name: (name.count("/"), name))
    for name in by_depth:
        if is_csv_name(name):
            raise _wrong_columns(folder / name, _read_columns(folder / name))
        if is_sheet_name(name):
            raise PipelineError(f"{folder / name} is a spreadsheet; save its sheet as CSV in UTF-8 beside it")


def _choose_csv(kinds: Mapping[str, TableKind], columns: Mapping[str, tuple[str, ...]]) -> dict[str, TableKind]:
    """Return those nearest to the top, and of these the ones that say splits, if there are any."""
    top = min((name.count("/") for name in kinds), default=0)
    nearest: dict[str, TableKind] = {name: kind for name, kind in kinds.items() if name.count("/") == top}
    split: dict[str, TableKind] = {
        name: kind for name, kind in nearest.items() if find_column(columns[name], "split") is not None
    }
    return split or nearest


def _kind_of(columns: tuple[str, ...]) -> TableKind | None:
    if find_column(columns, "label") is None:
        return None
    if find_column(columns, "pixels") is not None:
        return "pixels"
    return None if find_column(columns, "path") is None else "list"


def _read_columns(path: Path) -> tuple[str, ...]:
    with open_csv(path) as table:
        return table.columns


def _try_columns(path: Path) -> tuple[str, ...]:
    """Return the columns of a CSV, or none: one that cannot be read may stand beside a data set."""
    try:
        return _read_columns(path)
    except PipelineError:
        return ()


def _wrong_columns(path: Path, columns: tuple[str, ...]) -> PipelineError:
    if find_column(columns, "label") is None and {"neutral", "nf"} <= {column.strip().casefold() for column in columns}:
        return PipelineError(
            f"{path} holds the votes of FER+ and no images; expected {EXPECTED}: give fer2013.csv, which has the "
            "images, and this file as --votes"
        )
    return PipelineError(
        f"{path} has the columns {describe_columns(columns)}; expected {EXPECTED}: name the columns so"
    )
