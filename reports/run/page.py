"""The report of a run: `index.html` that opens from disk, `report.md` and `results.json`."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field

from data.records.run import RunResults
from data.records.training import VariantResult
from reports.common.charts import for_screens
from reports.common.formatting import listing
from reports.common.templates import TABLES_SCRIPT, hash_script, make_environment
from reports.dataset.exhibits import CHANGED_LIST, QUARANTINE_LIST, DataEvidence, load_evidence
from reports.dataset.label_audit_page import SUSPECTS_NAME, load_audit, render_audit_markdown
from reports.dataset.verdict_page import describe_data
from reports.difference.page import describe_versus, since_sentence
from reports.run import summary
from reports.run.comparison_csv import COMPARISON_LIST, write_comparison
from reports.run.markdown import render_markdown
from reports.run.sections import architectures as architecture
from reports.run.sections import data as data_section
from reports.run.sections import leaderboard as figures
from reports.run.sections import training
from reports.run.sections.attention import Explanation, load_attention, load_explanations
from reports.run.sections.calibration import certainty_figure, rejection_sentences
from reports.run.sections.champion import OUTCOMES, decision_rows
from reports.run.sections.cost import pareto_figure, weigh_costs
from reports.run.sections.data import load_contact_sheets
from reports.run.sections.errors import certainty_strips, confusion_strips, errors_of, load_faces
from reports.run.sections.model_card import SOURCES as CARD_SOURCES
from reports.run.sections.model_card import write_card
from reports.run.sections.questions import list_questions
from reports.run.sections.slices import slice_rows, slice_sentence
from reports.run.seed_spreads import REPEATS_LIST, seed_sentences, seed_spreads, write_repeats

SECTIONS = (
    ("answer", "Answer"),
    ("champion", "Champion"),
    ("leaderboard", "Leaderboard"),
    ("seeds", "Seeds"),
    ("cost", "Cost"),
    ("questions", "Questions"),
    ("confusion", "Confusion"),
    ("classes", "Classes"),
    ("errors", "Errors"),
    ("attention", "Attention"),
    ("calibration", "Calibration"),
    ("training", "Training"),
    ("data", "Data"),
    ("labels", "Labels"),
    ("since", "Since the last"),
    ("architectures", "Architectures"),
    ("missing", "Missing"),
    ("lineage", "Lineage"),
    ("limits", "Model card"),
)
"""Anchor and name of each section, in the order in which a reader asks."""


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
    write_comparison(results, out / COMPARISON_LIST)
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
    context = {
        "results": results,
        "classes": results.classes,
        "charts": _draw_charts(results),
        "tables_script": Markup(TABLES_SCRIPT),
        "tables_script_hash": hash_script(TABLES_SCRIPT),
        **_describe_ranking(results),
        **_describe_findings(results, load_faces(sources.faces)),
        **_describe_training(results),
        "sheets": load_contact_sheets(sources.pictures, results.classes),
        "audit": load_audit(sources.audit, results.classes),
    }
    context["contents"] = _list_contents(context)
    evidence = load_evidence(sources.verdict) if sources.verdict else DataEvidence(changes=results.changes)
    data = describe_data(results.data, evidence)
    return make_environment().get_template("report.html").render(context | data)


def _list_contents(context: dict[str, Any]) -> list[tuple[str, str]]:
    """Return anchor and name of the page's sections in order; each is the template `sections/<anchor>.html`."""
    optional = {"champion": context["results"].decision, "seeds": context["spreads"]}
    return [(anchor, name) for anchor, name in SECTIONS if optional.get(anchor, True)]


def _describe_ranking(results: RunResults) -> dict[str, Any]:
    """Return what the sections on ranking, decision and cost are filled with."""
    return {
        "scored": summary.scored_variants(results),
        "best": summary.best_variant(results),
        "missing": [(variant, summary.missing_reason(variant)) for variant in summary.missing_variants(results)],
        "cautions": summary.cautions(results),
        "sentences": summary.summary_sentences(results),
        "decision_outcome": OUTCOMES[results.decision.outcome] if results.decision else "",
        "decision_rows": decision_rows(results.decision) if results.decision else [],
        "comparisons": {comparison.name: comparison for comparison in results.comparisons},
        "comparison_list": COMPARISON_LIST,
        "ties": summary.tie_letters(results),
        "published": [variant for variant in results.variants if variant.published],
        "spreads": seed_spreads(results),
        "seed_sentences": seed_sentences(results),
        "repeats_list": REPEATS_LIST,
        "teachings": summary.teaching_sentences(results),
    }


def _describe_findings(results: RunResults, faces: dict[str, str]) -> dict[str, Any]:
    """Return what the sections on questions, errors, calibration, movement and limits are filled with."""
    rejection = results.analysis.rejection if results.analysis else None
    since = results.analysis.since_last if results.analysis else None
    return {
        "questions": list_questions(results),
        "errors": errors_of(results),
        "confusion_strips": confusion_strips(results, faces),
        "certainty_strips": certainty_strips(results, faces),
        "slice_sentence": slice_sentence(results),
        "slice_rows": slice_rows(results),
        "rejection": rejection,
        "rejection_sentences": rejection_sentences(rejection) if rejection else [],
        "versus": since,
        "since_sentence": since_sentence(since) if since else "",
        **(describe_versus(since) if since else {}),
        "card": write_card(results),
        "card_sources": CARD_SOURCES,
    }


def _describe_training(results: RunResults) -> dict[str, Any]:
    """Return what the sections on what was trained and where it looks are filled with."""
    scored = summary.scored_variants(results)
    with_layers = [variant for variant in results.variants if variant.layers]
    explained = _explain(scored, results.classes)
    without = [v.name for v in scored if v.name not in {variant.name for variant, _ in explained}]
    return {
        "calibrated": [variant for variant in scored if variant.calibration],
        "differences": summary.making_differences(results),
        "explanations": explained,
        "unexplained": listing(without) if without else "",
        "attention": {variant.name: load_attention(variant.directory, results.classes) for variant in scored},
        "architectures": [(variant, architecture.draw_blocks(variant.layers)) for variant in with_layers],
    }


def _without_notebook(results: RunResults) -> RunResults:
    """Leave out the notebook's figures: beside accuracies on drawn faces they mean nothing."""
    variants = tuple(variant.model_copy(update={"published": None}) for variant in results.variants)
    return results.model_copy(update={"variants": variants})


def _draw_charts(results: RunResults) -> dict[str, Any]:
    trained = [variant for variant in results.variants if variant.epochs]
    limits = training.accuracy_range(trained)
    curves = [(v, training.training_figure(v, f"training-{i}", limits)) for i, v in enumerate(trained)]
    counts = results.data.counts_used
    balance = [(part, data_section.class_balance_figure(part, counts[part], results.classes)) for part in counts]
    certainties = results.analysis.certainties if results.analysis else ()
    rejection = results.analysis.rejection if results.analysis else None
    reliable = [(c.variant, certainty_figure(c, f"certainty-{i}", rejection)) for i, c in enumerate(certainties)]
    return {
        "leaderboard": for_screens("leaderboard", partial(figures.leaderboard_figure, results)),
        "pareto": [Markup(pareto_figure(chart)) for chart in weigh_costs(results)],
        "training": [(variant, Markup(svg), training.epoch_rows(variant)) for variant, svg in curves],
        "certainty": [(name, Markup(svg)) for name, svg in reliable],
        "balance": [(part, sum(counts[part].values()), Markup(svg)) for part, svg in balance],
    }


def _explain(variants: list[VariantResult], classes: tuple[str, ...]) -> list[tuple[VariantResult, list[Explanation]]]:
    found = [(variant, load_explanations(variant.directory, classes)) for variant in variants]
    return [(variant, explanations) for variant, explanations in found if explanations]
