"""Survey of the names in an archive or folder: what of it is the data set?"""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from data.base.errors import PipelineError
from data.base.names import ClassNames, find_split
from data.records.dataset import Layout
from data.sources.archives.entries import Entry, refusal, show_name
from data.sources.folder_names import place
from data.sources.limits import Tally
from data.sources.root_search import LEAST_CLASSES, Root, RootSearch
from data.sources.tables.find import Table, find_table, refuse_other_tables
from data.sources.tables.suffixes import is_archive_name, is_sheet_name, is_table_name

logger = logging.getLogger(__name__)

LIGHT_BYTES = 1 << 20
"""Most bytes of what may stand beside an archive in an archive, such as a licence."""


class Plan(NamedTuple):
    """What is unpacked of an archive or folder, found before anything is written."""

    root: tuple[str, ...]
    """Names of the folders that lead to the data set."""
    places: dict[bytes, int]
    """Names of the files below the root, and which entry counts for each: a name may occur twice."""
    layout: Layout = "SPLIT/CLASS"
    """Order of the folders below the root."""
    is_whole: bool = False
    """Whether everything is unpacked and keeps its place."""


class Survey:
    """Names of an archive or folder, which are all that is held of it.

    Args:
        origin: the archive or folder, for messages.
        classes: of the data set.
    """

    def __init__(self, origin: Path, classes: ClassNames) -> None:
        self._origin, self._classes = origin, classes
        self._named: dict[bytes, int] = {}
        self._problems: dict[bytes, str] = {}
        self._escaped: set[bytes] = set()
        self._roots = RootSearch(origin, classes)
        self._tables: list[bytes] = []
        self._archives: list[bytes] = []
        self._other_bytes = self._repeated = 0
        self.sizes: list[int] = []

    def add(self, number: int, entry: Entry) -> None:
        """Look at the name and the size of a file."""
        self.sizes.append(entry.size_bytes)
        name = "/".join(entry.parts).encode()
        if entry.problem:
            self._problems[name] = entry.problem
            return
        self._roots.add(entry.parts)
        if entry.escaped:
            self._escaped.add(name)
        if name in self._named:
            self._repeated += 1
            self._refuse_one_name(name)
        else:
            self._sort(name, entry)
        self._named[name] = number

    @property
    def inner(self) -> str:
        """Path of the one archive in this archive, if nothing else of weight is in it; empty otherwise."""
        is_only = len(self._archives) == 1 and self._other_bytes <= LIGHT_BYTES
        return self._archives[0].decode() if is_only else ""

    def has_folders(self) -> bool:
        """Tell whether folders are the data set by their names, so that no table or archive is looked into."""
        if not self._tables and not self.inner:
            return True
        try:
            root = self._roots.find()
        except PipelineError:
            return False
        if root.layout == "CLASS" and not self._classes.labels:
            return False  # any two folders are classes then, also those of a list's images
        seen: set[str] = set()
        for name in self._named:
            parts = tuple(name.decode().split("/"))
            placed = place(parts[len(root.parts) :], root.layout, self._classes)
            if parts[: len(root.parts)] != root.parts or len(placed) < 3 or _is_read(parts[-1]):
                continue
            if label := self._classes.find(placed[1]):
                seen.add(label)
        return len(seen) >= (1 if self._classes.labels else LEAST_CLASSES)

    def find_table(self, folder: Path) -> Table | None:
        """Return the table that is the data set, or None if it is made of folders.

        Args:
            folder: with the files of these names.

        Raises:
            PipelineError: there are several tables, or only files that lack the columns of a table.
        """
        if self.has_folders():
            return None
        names = [name.decode() for name in self._tables]
        table = find_table(folder, names)
        if table is None and not self._has_root():
            refuse_other_tables(folder, names)
        return table

    def plan(self) -> Plan:
        """Return what to unpack of a data set of folders.

        Raises:
            PipelineError: it has no root, or holds links or devices.
        """
        if self._repeated:
            logger.warning("%s holds %d names twice; the later file of each counts", self._origin, self._repeated)
        root = self._roots.find()
        start = "".join(f"{part}/" for part in root.parts).encode()
        for name, problem in self._problems.items():
            if name.startswith(start):
                self._refuse_among_images(name.removeprefix(start).decode(), name.decode(), problem, root)
        places = {name.removeprefix(start): number for name, number in self._named.items() if name.startswith(start)}
        where = "/".join(root.parts) or "."
        logger.info("%s: %d files below the data set root %s", self._origin, len(places), where)
        return Plan(root.parts, places, root.layout)

    def _refuse_among_images(self, below: str, name: str, problem: str, root: Root) -> None:
        """Refuse a link or device in the folders of images; one beside the splits is left out with a line in the log.

        Without splits, what stands there may be the folder of a class.
        """
        if "/" in below or root.layout != "SPLIT/CLASS" or find_split(below):
            raise refusal(name, problem)
        logger.warning("%s: %s is %s beside the splits, and is left out", self._origin, show_name(name), problem)

    def plan_whole(self) -> Plan:
        """Return that everything is unpacked and keeps its place, apart from links and devices."""
        return Plan((), self._named, is_whole=True)

    def _sort(self, name: bytes, entry: Entry) -> None:
        if is_archive_name(entry.parts[-1]):
            self._archives.append(name)
            return
        self._other_bytes += entry.size_bytes
        if _is_read(entry.parts[-1]):
            self._tables.append(name)

    def _refuse_one_name(self, name: bytes) -> None:
        if name in self._escaped:
            raise PipelineError(
                f"{self._origin} holds two files that would both be written as {show_name(name.decode())}, because "
                "the name of at least one is not UTF-8; rename one"
            )

    def _has_root(self) -> bool:
        try:
            self._roots.find()
        except PipelineError:
            return False
        return True


def survey_entries(entries: Iterable[Entry], tally: Tally, origin: Path, classes: ClassNames) -> Survey:
    """Find out what to unpack; hold names only, because an archive may have many entries.

    Args:
        entries: of the archive or folder.
        tally: counts what the entries declare.
        origin: the archive or folder, for messages.
        classes: of the data set.

    Raises:
        PipelineError: a limit is exceeded, or there are more folders with splits than a data set has.
    """
    survey = Survey(origin, classes)
    for number, entry in enumerate(entries):
        tally.add(entries=1, size_bytes=entry.size_bytes)
        if not entry.is_folder:
            tally.add(name_bytes=len("/".join(entry.parts).encode()))
            survey.add(number, entry)
    return survey


def _is_read(name: str) -> bool:
    """Return whether a file may be a table, or is refused as one."""
    return is_table_name(name) or is_sheet_name(name)
