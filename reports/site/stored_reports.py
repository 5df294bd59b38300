"""Lookup of published reports, with the files that they were drawn from."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from data.base.errors import PipelineError
from data.base.times import parse_time
from data.records.run import RunResults
from data.views.pictures import FACES_NAME, PICTURES_NAME
from data.workspace.layout import AUDITS_STAGE, REPORTS_STAGE, VERDICTS_STAGE, VIEWS_STAGE
from data.workspace.run_results import read_results
from data.workspace.stage_record import RECORD_NAME, read_record
from reports.run.sources import ReportSources

logger = logging.getLogger(__name__)

LAST = "last"

NAMED_IN_ERRORS = 10


class StoredReport(NamedTuple):
    """A published report."""

    path: Path
    created: str
    """ISO 8601 with offset."""
    results: RunResults

    @property
    def key(self) -> str:
        """Key of the report in the workspace."""
        return self.path.name

    @property
    def title(self) -> str:
        """Key, run and time of the report, so that a person recognises it."""
        return f"{self.key} ({self.results.run_name}, {self.results.started})"


def list_reports(root: Path) -> tuple[list[StoredReport], list[Path]]:
    """Return the reports of a workspace, the newest first, and those that cannot be read.

    Args:
        root: of the workspace.

    Returns:
        Reports with the directories of their variants in this workspace, even if the workspace was moved since; and the
        directories of reports that are damaged or were written by a version that cannot be read here.
    """
    found, unreadable = [], []
    for record in (root / REPORTS_STAGE).glob(f"[!.]*/{RECORD_NAME}"):
        try:
            found.append(_load(record.parent))
        except (OSError, ValidationError) as error:
            logger.warning("%s cannot be read and is left out: %s", record.parent, " ".join(str(error).split())[:200])
            unreadable.append(record.parent)
    return sorted(found, key=lambda report: (parse_time(report.created), report.key), reverse=True), sorted(unreadable)


def _load(path: Path) -> StoredReport:
    results = read_results(path).model_copy(update={"report_key": path.name})
    return StoredReport(path, read_record(path).created, results)


def find_report(reports: Sequence[StoredReport], wanted: str) -> StoredReport:
    """Find a report by key, run name or "last".

    Args:
        reports: of a workspace, the newest first.
        wanted: "last", a key, the first digits of a key, or the name of a run; the newest report of that run is found.

    Raises:
        PipelineError: no report matches, or several keys begin with these digits.
    """
    if not reports:
        raise PipelineError(f"got {wanted!r}, but the workspace has no report that can be read: emotion run makes one")
    if wanted == LAST:
        return reports[0]
    named = [report for report in reports if report.results.run_name == wanted]
    matching = [report for report in reports if wanted and report.key.startswith(wanted)]
    if named:
        return named[0]
    if len(matching) == 1:
        return matching[0]
    listed = matching or reports
    shown = ", ".join(report.title for report in listed[:NAMED_IN_ERRORS])
    more = f" and {len(listed) - NAMED_IN_ERRORS} more" if len(listed) > NAMED_IN_ERRORS else ""
    what = "which begins several keys" if matching else "which is not a report"
    raise PipelineError(
        f"got {wanted!r}, {what}; expected last, a key or its beginning, or a run's name: {shown}{more}"
    )


def report_sources(report: StoredReport) -> ReportSources:
    """Return the paths of a report's pictures, verdict and audit, without those that were pruned."""
    root, lineage = report.path.parents[1], report.results.lineage
    places = {
        stage: root / stage / lineage[stage]
        for stage in (VIEWS_STAGE, VERDICTS_STAGE, AUDITS_STAGE)
        if stage in lineage
    }
    kept = {stage: path for stage, path in places.items() if path.is_dir()}
    return ReportSources(
        pictures=kept[VIEWS_STAGE] / PICTURES_NAME if VIEWS_STAGE in kept else None,
        verdict=kept.get(VERDICTS_STAGE),
        audit=kept.get(AUDITS_STAGE),
        faces=report.path / FACES_NAME,
    )
