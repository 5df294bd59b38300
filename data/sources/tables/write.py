"""Images of a table, written as a data set of folders."""

import io
import logging
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from data.base.errors import PipelineError
from data.base.names import ClassNames, find_split
from data.base.parts import SPLITS
from data.records.dataset import FolderNames, Layout, ReadName
from data.sources.archives.entries import show_name
from data.sources.folder_entries import folder_entries
from data.sources.limits import ExtractLimits, Tally
from data.sources.tables.csv_list import check_list, read_list_rows
from data.sources.tables.csv_pixels import read_pixel_rows
from data.sources.tables.find import Table
from data.sources.tables.parquet import count_rows, read_parquet_rows
from data.sources.tables.rows import NO_SPLIT, ImageRow
from data.sources.tables.suffixes import is_parquet_name

logger = logging.getLogger(__name__)

COPY_BYTES = 1 << 20

MOST_NAMES = 1000
"""Most pairs of a split and a label; a data set has a few dozen, a column with something else in it has thousands."""

LONGEST_NAME = 60
"""Most characters of a split or label that becomes a folder, as for a class of a data set's format."""


def write_table(table: Table, out: Path, limits: ExtractLimits, classes: ClassNames = ClassNames()) -> FolderNames:
    """Write every image of a table under `out`, as SPLIT/CLASS/FILE.

    Names and numbers are read as those of folders are. One that means no known class or split stays as it is, apart
    from what no folder's name may hold. If the table says no split, all images are those of train.

    Args:
        table: see `data.sources.tables.find`.
        out: an empty directory, made if it is missing; on an error it may hold part of the images.
        limits: how many images and bytes the table may hold; the ratio does not apply to a list.
        classes: of the data set.

    Returns:
        How its names were read.

    Raises:
        PipelineError: the table is damaged, over a limit, or holds no images, or too many names of classes.
    """
    packed_bytes = None if table.kind == "list" else sum(path.stat().st_size for path in table.files)
    origin = table.files[0] if len(table.files) == 1 else table.root
    writer = _RowWriter(out, Tally(limits, origin, packed_bytes), classes, origin)
    for row in _read_rows(table, limits):
        writer.write(row)
    names = writer.names()
    logger.info("%s: %d images read as %s", origin, writer.count, table.kind)
    return names


def list_read(table: Table, limits: ExtractLimits) -> list[Path]:
    """Return the files that a table's images come from, itself included.

    Raises:
        PipelineError: it is a list with a path that cannot be taken.
    """
    if table.kind == "list":
        (path,) = table.files
        return [path, *(path.parent / name for name in check_list(path, limits).paths)]
    if table.kind == "pixels" or table.is_alone:
        return list(table.files)
    # Rows of a Parquet file may name images anywhere in the folder.
    return [table.root.joinpath(*one.parts) for one in folder_entries(table.root) if one.parts and not one.problem]


def estimate_sizes(files: Collection[Path]) -> Iterator[int]:
    """Yield about the sizes of the images that are written for the files of a source; a Parquet file has many."""
    for path in files:
        rows = _count_rows(path) if is_parquet_name(path.name) else 1
        yield from [path.stat().st_size // max(rows, 1)] * rows


def to_folder_name(name: str) -> str:
    """Return a name that is safe as a folder's: in one part, visible, without control characters, and not too long.

    Examples:
        >>> to_folder_name("happy"), to_folder_name("../a b"), to_folder_name("..")
        ('happy', '_._a b', '_.')
    """
    plain = re.sub(r"[/\\:\x00-\x1f\x7f]", "_", name.encode(errors="replace").decode()).strip()
    return re.sub(r"^(\.|$)", "_", plain[:LONGEST_NAME].strip())


def _count_rows(path: Path) -> int:
    try:
        return count_rows(path)
    except PipelineError:  # it may stand beside a data set of folders; one that is read is refused then
        return 1


def _read_rows(table: Table, limits: ExtractLimits) -> Iterator[ImageRow]:
    if table.kind == "parquet":
        return read_parquet_rows(table.files, table.root, limits, with_paths=not table.is_alone)
    (path,) = table.files
    return read_pixel_rows(path) if table.kind == "pixels" else read_list_rows(path, check_list(path, limits))


class _RowWriter:
    """Write images into the folders of their split and class, counting files and bytes.

    Args:
        out: the directory to write into.
        tally: counts what is written.
        classes: of the data set.
        origin: for messages.
    """

    def __init__(self, out: Path, tally: Tally, classes: ClassNames, origin: Path) -> None:
        self._out, self._tally, self._classes, self._origin = out, tally, classes, origin
        self._counts: Counter[tuple[str, str]] = Counter()
        self._folders: dict[tuple[str, str], tuple[str, str]] = {}

    @property
    def count(self) -> int:
        """Number of images that were written."""
        return self._counts.total()

    def write(self, row: ImageRow) -> None:
        """Write one image; raise a PipelineError at the first exceeded limit."""
        named = (row.split, row.label)
        if named not in self._folders:
            self._folders[named] = self._make_folder(*named)
        self._counts[named] += 1
        self._tally.add(entries=1)
        path = self._out.joinpath(*self._folders[named], row.name)
        source = row.content.open("rb") if isinstance(row.content, Path) else io.BytesIO(row.content)
        with source, path.open("xb") as target:
            while piece := source.read(COPY_BYTES):
                self._tally.add(size_bytes=len(piece))
                target.write(piece)

    def names(self) -> FolderNames:
        """Return how the splits and classes were read."""
        if not self._counts:
            raise PipelineError(f"{self._origin} holds no image; expected a row for each image")
        renamed: Counter[tuple[str, str]] = Counter()
        for named, number in self._counts.items():
            for was, now in zip(named, self._folders[named], strict=True):
                if was not in (now, NO_SPLIT):
                    renamed[show_name(was), now] += number
        read = tuple(ReadName(name=was, read_as=now, files=number) for (was, now), number in sorted(renamed.items()))
        layout: Layout = "CLASS" if all(split == NO_SPLIT for split, _ in self._counts) else "SPLIT/CLASS"
        seen = {split for split, _ in self._folders.values()}
        missing = tuple(split for split in SPLITS if split not in seen)
        return FolderNames(layout=layout, renamed=read, missing=missing)

    def _make_folder(self, split: str, label: str) -> tuple[str, str]:
        self._tally.add(name_bytes=len(split) + len(label))
        if len(self._folders) == MOST_NAMES:
            raise PipelineError(
                f"{self._origin} has more than {MOST_NAMES} pairs of a split and a label, such as {show_name(split)} "
                f"and {show_name(label)}; expected a name or number for each class: check which columns hold them"
            )
        known_split = "train" if split == NO_SPLIT else find_split(split) or split
        folder = to_folder_name(known_split), to_folder_name(self._classes.find(label) or label)
        self._out.joinpath(*folder).mkdir(parents=True, exist_ok=True)
        return folder
