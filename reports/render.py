"""The report of a run: `index.html` that opens from disk, `report.md` and `results.json`."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from data.records import RunResults, VariantResult
from reports import architecture, figures, formatting, summary
from reports.markdown import render_markdown
from reports.pictures import Explanation, load_contact_sheets, load_explanations


def render_report(results: RunResults, out: Path, pictures: Path | None) -> None:
    """Write the report of a run: index.html, report.md and results.json.

    Args:
        results: the run; each variant's `directory` may hold explanations.npz.
        out: the directory to write into, made where it is missing.
        pictures: pictures.npz with sample faces and their augmented views, or None.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "index.html").write_text(render_page(results, pictures), encoding="utf-8")
    (out / "report.md").write_text(render_markdown(results), encoding="utf-8")
    (out / "results.json").write_text(results.model_dump_json(indent=1), encoding="utf-8")


def render_page(results: RunResults, pictures: Path | None) -> str:
    """Return the HTML page of a run; it needs no other file and makes no request."""
    if results.data.synthetic:
        results = _without_notebook(results)
    scored = summary.scored_variants(results)
    with_layers = [variant for variant in results.variants if variant.layers]
    context: dict[str, Any] = {
        "results": results,
        "scored": scored,
        "best": summary.best_variant(results),
        "missing": [(variant, summary.missing_reason(variant)) for variant in summary.missing_variants(results)],
        "cautions": summary.cautions(results),
        "sentences": summary.summary_sentences(results),
        "set_aside": _count(results.data.counts_published) - _count(results.data.counts_used),
        "comparisons": {comparison.name: comparison for comparison in results.comparisons},
        "published": [variant for variant in results.variants if variant.published],
        "charts": _draw_charts(results),
        "explanations": _explain(scored, results.classes),
        "sheets": load_contact_sheets(pictures, results.classes),
        "architectures": [(variant, architecture.draw_blocks(variant.layers)) for variant in with_layers],
    }
    return _environment().get_template("report.html").render(context)


def _without_notebook(results: RunResults) -> RunResults:
    """Leave out the notebook's figures: beside accuracies on drawn faces they mean nothing."""
    variants = tuple(variant.model_copy(update={"published": None}) for variant in results.variants)
    return results.model_copy(update={"variants": variants})


def _count(images: dict[str, dict[str, int]]) -> int:
    return sum(sum(classes.values()) for classes in images.values())


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


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = (
        "percent",
        "points",
        "number",
        "probability_value",
        "file_size",
        "duration",
        "moment",
        "plural",
        "observed",
    )
    environment.filters.update({name: getattr(formatting, name) for name in names})
    environment.globals.update(
        percent_range=formatting.percent_range, points_range=formatting.points_range, missing_mark=formatting.MISSING
    )
    return environment
