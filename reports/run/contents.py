"""Contents of a run's report: its sections, in the order in which a reader asks."""

from typing import Any, Protocol

from data.records.run import RunResults
from reports.run.sections import (
    answer,
    architectures,
    attention,
    calibration,
    champion,
    classes,
    confusion,
    cost,
    data,
    errors,
    exports,
    labels,
    leaderboard,
    limits,
    lineage,
    missing,
    people,
    questions,
    seeds,
    since,
    training,
)
from reports.run.sources import ReportSources


class Section(Protocol):
    """A module of `reports.run.sections`; the template `run/sections/<ANCHOR>.html` shows its context."""

    @property
    def ANCHOR(self) -> str:  # noqa: N802
        """Id of the section on the page; the module and its template have this name."""
        ...

    @property
    def TITLE(self) -> str:  # noqa: N802
        """Name of the section in the page's contents."""
        ...

    def context(self, results: RunResults, sources: ReportSources) -> dict[str, Any]:
        """Collect what the template shows; an empty dictionary leaves the section out of the page."""
        ...

    def markdown(self, results: RunResults, sources: ReportSources) -> list[str]:
        """Write the section as lines of Markdown; an empty list leaves it out."""
        ...


SECTIONS: tuple[Section, ...] = (
    answer,
    champion,
    leaderboard,
    people,
    seeds,
    cost,
    questions,
    confusion,
    classes,
    errors,
    attention,
    calibration,
    exports,
    training,
    data,
    labels,
    since,
    architectures,
    missing,
    lineage,
    limits,
)
