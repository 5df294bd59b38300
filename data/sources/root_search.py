"""Search for the root of a data set among the names of its files, and for the order of its folders."""

from pathlib import Path
from typing import NamedTuple

from data.base.errors import PipelineError
from data.base.labels import SPLITS
from data.base.names import find_class, find_split
from data.sources.archive_entries import show_name

MAX_ROOTS = 1000
"""Most folders with splits in them; a data set has one, or one for each class."""

SHOWN_NAMES = 5


class Root(NamedTuple):
    """The root of a data set."""

    parts: tuple[str, ...]
    """Names of the folders that lead to it."""
    class_first: bool = False
    """Whether below it come classes with splits in them, instead of splits with classes in them."""


class RootSearch:
    """Search for the data set's root among the names of files.

    Args:
        origin: for messages.
    """

    def __init__(self, origin: Path) -> None:
        self._origin = origin
        self._found: dict[tuple[str, ...], set[str]] = {}
        self._tops: set[str] = set()

    def add(self, parts: tuple[str, ...]) -> None:
        """Look at the name of a file."""
        if len(self._tops) < SHOWN_NAMES:
            self._tops.add(parts[0])
        for depth, part in enumerate(parts[:-1]):
            if split := find_split(part):
                self._found.setdefault(parts[:depth], set()).add(split)
        if len(self._found) > MAX_ROOTS:
            raise PipelineError(
                f"{self._origin} has more than {MAX_ROOTS} folders with {', '.join(SPLITS)} in them; "
                "expected one data set: leave the others out"
            )

    def find(self) -> Root:
        """Return the folder with most of the splits in it; of those the one nearest to the top.

        If several folders named as classes have splits in them, the folder around them is the root.
        """
        if not self._found:
            raise PipelineError(
                f"{self._origin} has no folder named as a split ({', '.join(SPLITS)}, or val, dev, testing and the "
                f"like); at the top is {', '.join(map(show_name, sorted(self._tops))) or 'no file'}; expected "
                "SPLIT/CLASS/IMAGE or CLASS/SPLIT/IMAGE: rename the folders and pack again"
            )
        ranks = {root: (-len(splits), len(root)) for root, splits in self._found.items()}
        best = sorted(root for root, rank in ranks.items() if rank == min(ranks.values()))
        if best[0] and self._holds_classes(best[0][:-1]):
            return Root(best[0][:-1], class_first=True)
        if len(best) > 1:
            roots = ", ".join(show_name("/".join(root)) for root in best[:SHOWN_NAMES])
            raise PipelineError(
                f"{self._origin} holds more than one data set: {roots}; expected one: give a source with one of them"
            )
        return Root(best[0])

    def _holds_classes(self, folder: tuple[str, ...]) -> bool:
        """Tell whether at least two classes, with splits in them, stand in this folder."""
        inside = (root[-1] for root in self._found if root and root[:-1] == folder)
        return len({find_class(name) for name in inside} - {None}) > 1
