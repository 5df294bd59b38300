"""The report of a run: `index.html` that opens from disk, `report.md` and `results.json`."""

import shutil
from pathlib import Path
from typing import Any

from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field

from data.records import RunResults, VariantResult
from reports import architecture, figures, summary
from reports.audit import SUSPECTS_NAME, load_audit, render_audit_markdown
from reports.decision import OUTCOMES, decision_rows
from reports.environment import make_environment
from reports.evidence import CHANGED_LIST, QUARANTINE_LIST, DataEvidence, load_evidence
from reports.markdown import render_markdown
from reports.pictures import Explanation, load_contact_sheets, load_explanations
from reports.repeats import REPEATS_LIST, seed_sentences, seed_spreads, write_repeats
from reports.verdict import describe_data


class ReportSources(BaseModel):
    """Where a report finds what it shows beside the results; what is None is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pictures: Path | None = Field(default=None, description="pictures.npz with faces of train and augmented views")
    verdict: Path | None = Field(default=None, description="directory of the verdict on the data")
    audit: Path | None = Field(default=None, description="directory of the audit of the labels")
    faces: Path | None = Field(default=None, description="faces.npz with the validation images that the analysis names")


def render_report(results: RunResults, out: Path, sources: ReportSources = ReportSources()) -> None:
    """Write the report of a run: index.html, report.md and results.json, and beside them the lists that it links to.

    Args:
        results: the run; each variant's `directory` may hold explanations.npz.
        out: the directory to write into, made where it is missing.
        sources: pictures, verdict and audit.
    """
    out.mkdir(parents=True, exist_ok=True)
    audit = load_audit(sources.audit, results.classes)
    markdown = render_markdown(results) + (render_audit_markdown(audit.audit, results.classes) if audit else "")
    (out / "index.html").write_text(render_page(results, sources), encoding="utf-8")
    (out / "report.md").write_text(markdown, encoding="utf-8")
    (out / "results.json").write_text(results.model_dump_json(indent=1), encoding="utf-8")
    write_repeats(results, out / REPEATS_LIST)
    _copy_lists(sources, out)


def _copy_lists(sources: ReportSources, out: Path) -> None:
    """Copy the lists of images that the page links to, those that there are."""
    lists = [(sources.verdict, QUARANTINE_LIST), (sources.verdict, CHANGED_LIST), (sources.audit, SUSPECTS_NAME)]
    for directory, name in lists:
        if directory and (directory / name).is_file():
            shutil.copyfile(directory / name, out / name)


def render_page(results: RunResults, sources: ReportSources = ReportSources()) -> str:
    """Return the HTML page of a run; it makes no request."""
    if results.data.synthetic:
        results = _without_notebook(results)
    scored = summary.scored_variants(results)
    with_layers = [variant for variant in results.variants if variant.layers]
    context: dict[str, Any] = {
        "results": results,
        "scored": scored,
        "calibrated": [variant for variant in scored if variant.calibration],
        "best": summary.best_variant(results),
        "missing": [(variant, summary.missing_reason(variant)) for variant in summary.missing_variants(results)],
        "differences": summary.making_differences(results),
        "cautions": summary.cautions(results),
        "decision_outcome": OUTCOMES[results.decision.outcome] if results.decision else "",
        "decision_rows": decision_rows(results.decision) if results.decision else [],
        "sentences": summary.summary_sentences(results),
        "spreads": seed_spreads(results),
        "seed_sentences": seed_sentences(results),
        "repeats_list": REPEATS_LIST,
        "teachings": summary.teaching_sentences(results),
        "comparisons": {comparison.name: comparison for comparison in results.comparisons},
        "published": [variant for variant in results.variants if variant.published],
        "charts": _draw_charts(results),
        "explanations": _explain(scored, results.classes),
        "sheets": load_contact_sheets(sources.pictures, results.classes),
        "audit": load_audit(sources.audit, results.classes),
        "classes": results.classes,
        "architectures": [(variant, architecture.draw_blocks(variant.layers)) for variant in with_layers],
    }
    evidence = load_evidence(sources.verdict) if sources.verdict else DataEvidence(changes=results.changes)
    data = describe_data(results.data, evidence)
    return make_environment().get_template("report.html").render(context | data)


def _without_notebook(results: RunResults) -> RunResults:
    """Leave out the notebook's figures: beside accuracies on drawn faces they mean nothing."""
    variants = tuple(variant.model_copy(update={"published": None}) for variant in results.variants)
    return results.model_copy(update={"variants": variants})


def _draw_charts(results: RunResults) -> dict[str, Any]:
    trained = [variant for variant in results.variants if variant.epochs]
    limits = figures.accuracy_range(trained)
    curves = [(v, figures.training_figure(v, f"training-{i}", limits)) for i, v in enumerate(trained)]
    counts = results.data.counts_used
    balance = [(part, figures.class_balance_figure(part, counts[part], results.classes)) for part in counts]
    return {
        "leaderboard": Markup(figures.leaderboard_figure(results)),
        "cost": Markup(figures.cost_figure(results)),
        "training": [(variant, Markup(svg)) for variant, svg in curves],
        "balance": [(part, sum(counts[part].values()), Markup(svg)) for part, svg in balance],
    }


def _explain(variants: list[VariantResult], classes: tuple[str, ...]) -> list[tuple[VariantResult, list[Explanation]]]:
    found = [(variant, load_explanations(variant.directory, classes)) for variant in variants]
    return [(variant, explanations) for variant, explanations in found if explanations]
