"""Search for the root of a data set among the names of its files."""

from pathlib import Path

from data.base.errors import PipelineError
from data.base.labels import SPLITS
from data.sources.archive_entries import show_name

MAX_ROOTS = 1000
"""Most folders with splits in them; a data set has one."""

SHOWN_NAMES = 5


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
            if part in SPLITS:
                self._found.setdefault(parts[:depth], set()).add(part)
        if len(self._found) > MAX_ROOTS:
            raise PipelineError(
                f"{self._origin} has more than {MAX_ROOTS} folders with {', '.join(SPLITS)} in them; "
                "expected one data set: leave the others out"
            )

    def find(self) -> tuple[str, ...]:
        """Return the folder with most of the splits in it; of those the one nearest to the top."""
        if not self._found:
            raise PipelineError(
                f"{self._origin} has no folder with {', '.join(SPLITS)} in it (names are case-sensitive); at the "
                f"top is {', '.join(map(show_name, sorted(self._tops))) or 'no file'}; expected SPLIT/CLASS/IMAGE: "
                "rename and pack again"
            )
        ranks = {root: (-len(splits), len(root)) for root, splits in self._found.items()}
        best = sorted(root for root, rank in ranks.items() if rank == min(ranks.values()))
        if len(best) > 1:
            roots = ", ".join(show_name("/".join(root)) for root in best[:SHOWN_NAMES])
            raise PipelineError(f"{self._origin} holds more than one data set: {roots}; leave one of them")
        return best[0]
