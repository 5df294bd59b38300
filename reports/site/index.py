"""Index of a workspace's reports, `reports/index.html`: a list of all reports with their trends."""

from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock
from markupsafe import Markup

from data.records.truths import judged_by
from data.workspace.atomic import write_atomically
from data.workspace.digests import digest_sources, hash_json
from data.workspace.layout import REPORTS_STAGE
from data.workspace.mark import claim_root
from reports.common.templates import digest_templates, make_environment
from reports.run.sections.champion import OUTCOMES
from reports.site.entries import ReportEntry, make_entry
from reports.site.stored_reports import list_reports
from reports.site.trends import accuracy_trend, colour_series, cost_trend

INDEX_PAGE = "index.html"


def write_index(root: Path) -> Path:
    """Write the index of a workspace's reports as it is now, so that a reader gets the old page or the new one.

    A page of the same reports stays as it is: to draw the charts again would double the time of an unchanged run's end.

    Args:
        root: of the workspace.

    Returns:
        The page.
    """
    claim_root(root.resolve())
    folder = root / REPORTS_STAGE
    folder.mkdir(exist_ok=True)
    with FileLock(folder / ".index.lock"):  # of two runs that end at once, the later one lists both
        reports, unreadable = list_reports(root)
        entries = [make_entry(report.key, report.results) for report in reports]
        names = [path.name for path in unreadable]
        page, end = folder / INDEX_PAGE, _last_line(entries, names)
        if not (page.is_file() and page.read_text(encoding="utf-8").endswith(end)):
            write_atomically(page, render_index(entries, names) + end)
    return page


def _last_line(entries: Sequence[ReportEntry], unreadable: Sequence[str]) -> str:
    """Return the last line of the page, from which can be seen what it was made of: entries, code and templates."""
    facts = [[entry.model_dump(mode="json") for entry in entries], list(unreadable)]
    return f"<!-- made of {hash_json([facts, digest_sources([__name__]), digest_templates()])} -->\n"


def render_index(entries: Sequence[ReportEntry], unreadable: Sequence[str] = ()) -> str:
    """Return the page that lists reports, those that started last first; it makes no request.

    Args:
        entries: one for each report.
        unreadable: keys of reports that cannot be read.
    """
    newest = sorted(entries, key=lambda entry: (entry.started, entry.key), reverse=True)
    colours = colour_series(newest)
    context = {
        "entries": newest,
        "unreadable": unreadable,
        "colours": colours,
        "synthetic": {entry.source for entry in newest if entry.synthetic},
        "judged_by": judged_by,
        "outcomes": OUTCOMES,
        "accuracy_chart": Markup(accuracy_trend(newest, colours)),
        "cost_chart": Markup(cost_trend(newest, colours)),
    }
    return make_environment().get_template("site/index.html").render(context)
