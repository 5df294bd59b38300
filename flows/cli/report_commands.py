"""Functions of `emotion report`: render pages again from stored results, without Prefect and without training."""

from datetime import datetime
from pathlib import Path

from data.base.errors import PipelineError
from data.base.times import parse_time
from data.workspace.layout import RENDERED_FOLDER
from data.workspace.ownership import finish_owned, start_owned
from models.analysis.run_difference import compare_runs
from reports.difference.page import render_difference
from reports.run.page import render_report
from reports.site.stored_reports import StoredReport, find_report, list_reports, report_sources

REPORT_PDF = "report.pdf"
COMPARED_PDF = "compare.pdf"


def render_again(workspace: Path, wanted: str, out: str = "") -> Path:
    """Render a run's report again from its stored results, predictions and pictures.

    Args:
        workspace: root of the workspace.
        wanted: see `reports.site.stored_reports.find_report`.
        out: new or empty directory to write into; an empty text for one in the workspace.

    Returns:
        The page.

    Raises:
        PipelineError: the report does not exist, or `out` holds files.
    """
    root = workspace.resolve()
    report = find_report(list_reports(root)[0], wanted)
    directory = _new_directory(out) if out else _start_rendered(root, report.key)
    render_report(report.results, directory, report_sources(report))
    return directory / "index.html"


def compare_again(workspace: Path, first: str, second: str, out: str = "") -> Path:
    """Write a page on what changed between two runs, from the one that started first to the other.

    Args:
        workspace: root of the workspace.
        first: see `reports.site.stored_reports.find_report`.
        second: the other run, in either order.
        out: new or empty directory to write into; an empty text for one in the workspace.

    Returns:
        The page.

    Raises:
        PipelineError: the report does not exist, or `out` holds files.
    """
    root = workspace.resolve()
    reports, _ = list_reports(root)
    earlier, later = sorted((find_report(reports, first), find_report(reports, second)), key=_age)
    directory = _new_directory(out) if out else _start_rendered(root, f"{earlier.key}-{later.key}")
    return render_difference(compare_runs(earlier.results, later.results), directory)


def finish_rendered(workspace: Path, page: Path) -> None:
    """Enter a finished page's directory in the workspace's ledger, so that pruning may remove it."""
    root = workspace.resolve()
    if page.parent.parent == root / RENDERED_FOLDER:
        finish_owned(root, page.parent)


def _new_directory(out: str) -> Path:
    """Return a directory that a person named, which must hold nothing that a page could overwrite."""
    directory = Path(out).resolve()
    if directory.exists() and not (directory.is_dir() and next(directory.iterdir(), None) is None):
        raise PipelineError(
            f"got --out {out}, which is {'not empty' if directory.is_dir() else 'a file'}, expected a new or empty "
            "directory: name another one, or empty it first"
        )
    return directory


def _start_rendered(root: Path, name: str) -> Path:
    directory = root / RENDERED_FOLDER / name
    start_owned(root, directory)
    return directory


def _age(report: StoredReport) -> tuple[datetime, str]:
    return parse_time(report.results.started), report.key
