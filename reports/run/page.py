"""Report of a run as files: `index.html` that opens from disk, `report.md`, `results.json` and lists as CSV."""

import shutil
from pathlib import Path

from markupsafe import Markup

from data.records.run import RunResults
from data.workspace.layout import SUSPECTS_NAME
from reports.common.templates import TABLES_SCRIPT, hash_script, make_environment
from reports.dataset.exhibits import CHANGED_LIST, QUARANTINE_LIST
from reports.run.comparison_csv import COMPARISON_LIST, write_comparison
from reports.run.contents import SECTIONS
from reports.run.markdown import render_markdown
from reports.run.seed_spreads import REPEATS_LIST, write_repeats
from reports.run.sources import ReportSources
from reports.run.summary import best_variant, cautions


def render_report(results: RunResults, out: Path, sources: ReportSources = ReportSources()) -> None:
    """Write the report of a run: index.html, report.md and results.json, and beside them the lists that it links to.

    Args:
        results: the run; each variant's `directory` may hold explanations.npz.
        out: the directory to write into; it is made if it is missing.
        sources: pictures, verdict and audit.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "index.html").write_text(render_page(results, sources), encoding="utf-8")
    (out / "report.md").write_text(render_markdown(results, sources), encoding="utf-8")
    (out / "results.json").write_text(results.model_dump_json(indent=1), encoding="utf-8")
    write_comparison(results, out / COMPARISON_LIST)
    write_repeats(results, out / REPEATS_LIST)
    _copy_lists(sources, out)


def _copy_lists(sources: ReportSources, out: Path) -> None:
    """Copy those lists of images that exist and that the page links to."""
    lists = [(sources.verdict, QUARANTINE_LIST), (sources.verdict, CHANGED_LIST), (sources.audit, SUSPECTS_NAME)]
    for directory, name in lists:
        if directory and (directory / name).is_file():
            shutil.copyfile(directory / name, out / name)


def render_page(results: RunResults, sources: ReportSources = ReportSources()) -> str:
    """Draw the HTML page of a run; the page makes no request."""
    if results.data.synthetic:
        results = _without_notebook(results)
    environment = make_environment()
    shared = {"results": results, "classes": results.classes, "best": best_variant(results)}
    sections = []
    for section in SECTIONS:
        if context := section.context(results, sources):
            template = environment.get_template(f"run/sections/{section.ANCHOR}.html")
            sections.append((section.ANCHOR, section.TITLE, Markup(template.render(shared | context))))
    return environment.get_template("run/page.html").render(
        results=results,
        cautions=cautions(results),
        sections=sections,
        tables_script=Markup(TABLES_SCRIPT),
        tables_script_hash=hash_script(TABLES_SCRIPT),
    )


def _without_notebook(results: RunResults) -> RunResults:
    """Leave out the notebook's figures, which cannot be compared with accuracies on drawn faces."""
    variants = tuple(variant.model_copy(update={"published": None}) for variant in results.variants)
    return results.model_copy(update={"variants": variants})
