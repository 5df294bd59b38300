"""Search for the root of a data set among the names of its files, and for the order of its folders."""

from pathlib import Path
from typing import NamedTuple

from data.base.errors import PipelineError
from data.base.names import ClassNames, find_split
from data.base.parts import SPLITS
from data.records.dataset import Layout
from data.sources.archives.entries import show_name

MAX_ROOTS = 1000
"""Most folders with splits in them; a data set has one, or one for each class."""

SHOWN_NAMES = 5

LEAST_CLASSES = 2
"""Fewest classes in a folder without splits for it to be a data set."""


class Root(NamedTuple):
    """The root of a data set."""

    parts: tuple[str, ...]
    """Names of the folders that lead to it."""
    layout: Layout = "SPLIT/CLASS"
    """What comes below it."""


class RootSearch:
    """Search for the data set's root among the names of files.

    Args:
        origin: for messages.
        classes: of the data set.
    """

    def __init__(self, origin: Path, classes: ClassNames) -> None:
        self._origin, self._classes = origin, classes
        self._found: dict[tuple[str, ...], set[str]] = {}
        self._unsplit: dict[tuple[str, ...], set[str]] = {}
        self._tops: set[str] = set()

    def add(self, parts: tuple[str, ...]) -> None:
        """Look at the name of a file."""
        if len(self._tops) < SHOWN_NAMES:
            self._tops.add(parts[0])
        for depth, part in enumerate(parts[:-1]):
            if split := find_split(part):
                self._found.setdefault(parts[:depth], set()).add(split)
        if len(parts) > 1 and len(self._unsplit) < MAX_ROOTS and (label := self._classes.find(parts[-2])):
            self._unsplit.setdefault(parts[:-2], set()).add(label)
        if len(self._found) > MAX_ROOTS:
            raise PipelineError(
                f"{self._origin} has more than {MAX_ROOTS} folders with {', '.join(SPLITS)} in them; "
                "expected one data set: leave the others out"
            )

    def find(self) -> Root:
        """Return the folder with most of the splits in it; of those the one nearest to the top.

        If several folders named as classes have splits in them, the folder around them is the root. Without any split
        it is the folder with most classes in it.
        """
        if not self._found:
            return self._find_unsplit()
        return self._find_split()

    def _find_unsplit(self) -> Root:
        classes, root = max(((len(labels), root) for root, labels in self._unsplit.items()), default=(0, ()))
        if classes < LEAST_CLASSES:
            raise PipelineError(
                f"{self._origin} has no folder named as a split ({', '.join(SPLITS)}, or val, dev, testing and the "
                f"like); at the top is {', '.join(map(show_name, sorted(self._tops))) or 'no file'}; expected "
                "SPLIT/CLASS/IMAGE, CLASS/SPLIT/IMAGE or CLASS/IMAGE, or a table of images (CSV, Parquet): rename the "
                "folders and pack again, or name classes of your own by --labels, such as --labels auto"
            )
        return Root(root, "CLASS")

    def _find_split(self) -> Root:
        ranks = {root: (-len(splits), len(root)) for root, splits in self._found.items()}
        best = sorted(root for root, rank in ranks.items() if rank == min(ranks.values()))
        if best[0] and self._holds_classes(best[0][:-1]):
            return Root(best[0][:-1], "CLASS/SPLIT")
        if len(best) > 1:
            roots = ", ".join(show_name("/".join(root)) for root in best[:SHOWN_NAMES])
            raise PipelineError(
                f"{self._origin} holds more than one data set: {roots}; expected one: give a source with one of them"
            )
        return Root(best[0])

    def _holds_classes(self, folder: tuple[str, ...]) -> bool:
        """Tell whether at least two classes, with splits in them, stand in this folder."""
        inside = (root[-1] for root in self._found if root and root[:-1] == folder)
        return len({self._classes.find(name) for name in inside} - {None}) > 1
