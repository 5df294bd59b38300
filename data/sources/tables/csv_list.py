"""Images beside a CSV that names them, with the label of each."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from data.base.errors import PipelineError
from data.base.names import find_split
from data.sources.archives.entries import is_litter, show_name
from data.sources.limits import ExtractLimits, Tally
from data.sources.tables.csv_files import open_csv
from data.sources.tables.rows import NO_SPLIT, ImageRow, describe_columns, find_column, read_split, require_value

SHOWN_PATHS = 3


class Fault(Enum):
    """Why a path of a list cannot be taken."""

    OUTSIDE = "lead out of the folder of the list, directly or by a link"
    MISSING = "do not exist as plain files"
    REPEATED = "stand in the list twice"


class ListedFiles(NamedTuple):
    """Files that a list names, all of them checked."""

    paths: tuple[str, ...]
    """Relative POSIX paths, in the order of the list."""
    names_are_unique: bool
    """Whether no two files have one name, case aside."""
    split_is_folder: bool
    """Whether the list has no column for the split, and a folder in each path is named as one."""


class _ListRow(NamedTuple):
    number: int
    path: str
    label: str
    split: str


def check_list(path: Path, limits: ExtractLimits) -> ListedFiles:
    """Return the files that a list names, after checking each of them; holds their paths only.

    Args:
        path: of a CSV with the columns path, label and perhaps split, or with other names of
            `data.sources.tables.rows.COLUMN_NAMES`. Paths are relative to its folder.
        limits: how many files it may name.

    Raises:
        PipelineError: a column is missing, the list is over a limit, or it names a file that is missing, leads out of
            its folder, or is named twice.
    """
    faults: dict[Fault, list[str]] = {fault: [] for fault in Fault}
    found: dict[str, str] = {}
    tally, root = Tally(limits, path, None), path.parent.resolve()
    for row in _read_list(path):
        tally.add(entries=1, name_bytes=len(row.path.encode()))
        name = locate(root, row.path)
        fault = Fault.REPEATED if name in found else name
        if isinstance(fault, Fault):
            faults[fault].append(row.path)
        else:
            found[fault] = row.split
    _refuse_faults(path, faults)
    names = {PurePosixPath(name).name.casefold() for name in found}
    return ListedFiles(tuple(found), len(names) == len(found), _is_split_in_paths(found, path))


def read_list_rows(path: Path, listed: ListedFiles) -> Iterator[ImageRow]:
    """Yield the images that a list names.

    Args:
        path: of the list.
        listed: what `check_list` returned for it.

    Returns:
        The images, under their own names, or under their row's number if two files of the list have one name.

    Raises:
        PipelineError: the list or a file changed after it was checked.
    """
    root = path.parent.resolve()
    for row in _read_list(path):
        name = locate(root, row.path)
        if isinstance(name, Fault):
            _refuse_faults(path, {name: [row.path]})
            continue
        own = PurePosixPath(name)
        yield ImageRow(
            split=_folder_split(name) if listed.split_is_folder else row.split,
            label=row.label,
            name=own.name if listed.names_are_unique else f"{row.number:08d}{own.suffix.lower()}",
            content=root / name,
        )


def _is_split_in_paths(found: Mapping[str, str], path: Path) -> bool:
    """Tell whether the folders say the split; refuse a list where some do: the others would become train."""
    if any(split != NO_SPLIT for split in found.values()):
        return False
    without = [name for name in found if _folder_split(name) == NO_SPLIT]
    if without and len(without) < len(found):
        raise PipelineError(
            f"{path} has no column for the split, and {len(found) - len(without):,} of its {len(found):,} paths have "
            f"a folder that is named as a split, but others have none, such as {show_name(without[0])}; add a column "
            "split"
        )
    return not without


def _folder_split(name: str) -> str:
    return next(filter(find_split, name.split("/")[:-1]), NO_SPLIT)


def locate(root: Path, text: str) -> str | Fault:
    """Return the relative POSIX path of a plain file below a folder, or why it cannot be taken.

    Args:
        root: the folder, without links in its path.
        text: path of the file relative to it, with slashes or backslashes.
    """
    unified = text.replace("\\", "/")
    parts = [part for part in unified.split("/") if part not in ("", ".")]
    if unified.startswith("/") or re.match(r"[A-Za-z]:", unified) or ".." in parts:
        return Fault.OUTSIDE
    name = "/".join(parts)
    try:
        is_plain = bool(parts) and not is_litter(name) and stat.S_ISREG((root / name).stat().st_mode)
    except (OSError, ValueError):
        is_plain = False
    if not is_plain:
        return Fault.MISSING
    return name if os.path.realpath(root / name) == str(root / name) else Fault.OUTSIDE


def _read_list(path: Path) -> Iterator[_ListRow]:
    with open_csv(path) as table:
        file, label = find_column(table.columns, "path"), find_column(table.columns, "label")
        split = find_column(table.columns, "split")
        if file is None or label is None:
            raise PipelineError(
                f"{path} has the columns {describe_columns(table.columns)}; expected path, label and perhaps split: "
                "name the columns so"
            )
        for number, fields in table.rows:
            yield _ListRow(
                number,
                require_value(fields[file], "path", path, number),
                require_value(fields[label], "label", path, number),
                read_split(fields, split, path, number),
            )


def _refuse_faults(path: Path, faults: Mapping[Fault, list[str]]) -> None:
    told = [
        f"{len(names):,} {fault.value} ({', '.join(map(show_name, names[:SHOWN_PATHS]))}"
        f"{', ...' if len(names) > SHOWN_PATHS else ''})"
        for fault, names in faults.items()
        if names
    ]
    if told:
        raise PipelineError(
            f"{path} names files that cannot be taken: {'; '.join(told)}; expected each image once, by its path from "
            f"the folder of the list: correct the list, or put the images there"
        )
