"""The spread over seeds in a report: right figures, what they are of, and nothing where nothing was repeated."""

import math

import numpy as np
import pandas as pd
import pytest

from data.records.run import RunResults
from data.records.training import RepeatRecord
from reports.run.markdown import render_markdown
from reports.run.page import render_page, render_report
from reports.run.sections.leaderboard import leaderboard_figure
from reports.run.sections.lineage import provenance_differences
from reports.run.seed_spreads import incomplete_spreads, seed_sentences, seed_spreads
from reports.run.summary import cautions, leaderboard_rows
from tests.reports.run.test_page import PageReader
from tests.support.results_factory import MADE_WITH, make_results

OTHERS = {"compact": (0.7312, 0.7605), "cnn_3": (0.7299, 0.7301)}
NAN_LOSS = RepeatRecord(seed=44, status="failed", reason="got a training loss of nan | <b>", epochs=3, core_seconds=9)


def repeat(seed, accuracy, **changes):
    fields = {"status": "trained", "selection_accuracy": accuracy - 0.01, "epochs": 16, "made_with": MADE_WITH}
    fields |= {"core_seconds": 600.5, "training": f"key{seed}"}
    return RepeatRecord(seed=seed, validation_accuracy=accuracy, **{**fields, **changes})


def with_repeats(results: RunResults, **others) -> RunResults:
    """Return the results with repeats of the named variants: accuracies or records of seeds 43 and on."""
    variants = []
    for variant in results.variants:
        if variant.name in others:
            scores = variant.parts.get("validation")
            first = repeat(42, scores.accuracy) if scores else RepeatRecord(seed=42, status="failed", reason="NaN")
            rest = [r if isinstance(r, RepeatRecord) else repeat(s, r) for s, r in enumerate(others[variant.name], 43)]
            variant = variant.model_copy(update={"repeats": (first, *rest)})
        variants.append(variant)
    return results.model_copy(update={"variants": tuple(variants)})


@pytest.fixture
def repeated(tmp_path):
    return with_repeats(make_results(tmp_path, trained=2), **OTHERS)


def accuracies_of(results, name):
    (variant,) = [variant for variant in results.variants if variant.name == name]
    return [r.validation_accuracy for r in variant.repeats if r.validation_accuracy is not None]


def test_mean_and_sample_deviation_are_numpys(repeated):
    spreads = {spread.name: spread for spread in seed_spreads(repeated)}
    assert set(spreads) == set(OTHERS)
    for name, spread in spreads.items():
        accuracies = accuracies_of(repeated, name)
        assert (spread.trained, len(accuracies)) == (3, 3)
        assert spread.mean == pytest.approx(np.mean(accuracies), abs=1e-12)
        assert spread.deviation == pytest.approx(np.std(accuracies, ddof=1), abs=1e-12)


def test_page_markdown_and_leaderboard_show_the_same_figures(repeated):
    page, markdown = PageReader(render_page(repeated)), render_markdown(repeated)
    rows = {row["variant"]: row for row in leaderboard_rows(repeated)}
    for name in OTHERS:
        accuracies = accuracies_of(repeated, name)
        mean, deviation = f"{100 * np.mean(accuracies):.2f}%", f"{100 * np.std(accuracies, ddof=1):.2f}"
        assert page.cells("spreads", name) == [name, "3", mean, deviation, *(f"{100 * a:.2f}%" for a in accuracies)]
        assert f"| {name} | 3 | {mean} | {deviation} |" in markdown
        assert rows[name]["over seeds"] == f"{mean} ± {deviation} (3)"
    assert rows["efficientnetb0"]["over seeds"] == "–"
    assert len({tuple(row) for row in rows.values()}) == 1
    assert page.open == []


def test_each_training_has_its_row(repeated):
    rows = PageReader(render_page(repeated)).tables["repeats"][1:]
    assert len(rows) == 6
    assert "| compact | 44 | 76.05% | 75.05% | 16 | 600 |  |" in render_markdown(repeated)


def test_the_report_says_what_the_spread_is_of(repeated):
    spread, compared = seed_sentences(repeated)
    assert "3 seeds, 42 to 44, on the same images" in spread and "training alone" in spread
    assert "seed 42, whichever seed did best" in compared
    shown = PageReader(render_page(repeated)).text
    assert spread in shown and compared in shown
    assert spread in render_markdown(repeated)


def test_the_chart_marks_each_seed_that_has_an_accuracy_but_the_first(tmp_path):
    results = make_results(tmp_path, trained=2)
    repeated = with_repeats(results, compact=(0.73, 0.74, NAN_LOSS))
    plain, marked = (leaderboard_figure(shown, "leaderboard", 9) for shown in (results, repeated))
    assert marked.count("<use") - plain.count("<use") == 2


def test_a_time_budget_is_named_as_a_part_of_the_spread(repeated):
    first, *others = repeated.variants
    budgeted = first.model_copy(update={"train_config": {"time_budget_minutes": 8.0}})
    said = seed_sentences(repeated.model_copy(update={"variants": (budgeted, *others)}))
    assert said[-1].startswith(f"{first.name} had a time budget")


def test_the_list_has_every_training(repeated, tmp_path):
    render_report(repeated, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "repeats.csv")
    assert table["seed"].tolist() == [42, 43, 44] * 2
    compact = table[table["variant"] == "compact"]
    assert compact["validation_accuracy"].tolist() == accuracies_of(repeated, "compact")
    page = PageReader((tmp_path / "out" / "index.html").read_text())
    assert "repeats.csv" in [attributes.get("href") for _, attributes in page.tags]


def test_nothing_extra_where_nothing_was_repeated(tmp_path):
    results = make_results(tmp_path, trained=2)
    assert seed_spreads(results) == [] and seed_sentences(results) == [] and incomplete_spreads(results) == []
    assert "over seeds" not in leaderboard_rows(results)[0]
    render_report(results, tmp_path / "out")
    assert "repeats.csv" not in {path.name for path in (tmp_path / "out").iterdir()}
    page, markdown = (tmp_path / "out" / "index.html").read_text(), (tmp_path / "out" / "report.md").read_text()
    for extra in ('id="seeds"', "#seeds", "other seeds", "standard deviation", "repeats.csv"):
        assert extra not in page and extra not in markdown


def test_a_failed_repeat_is_left_out_of_the_figures_and_named(tmp_path):
    results = with_repeats(make_results(tmp_path, trained=2), compact=(0.74, NAN_LOSS))
    (spread,) = seed_spreads(results)
    accuracies = accuracies_of(results, "compact")
    assert (spread.seeds, len(accuracies)) == ("2 of 3", 2)
    assert spread.deviation == pytest.approx(np.std(accuracies, ddof=1), abs=1e-12)
    assert any("compact (1 of 3)" in caution.text for caution in cautions(results))
    page, markdown = PageReader(render_page(results)), render_markdown(results)
    assert page.cells("spreads", "compact")[-1] == "failed"
    assert "failed: got a training loss of nan | <b>" in page.text
    assert "failed: got a training loss of nan \\| &lt;b&gt; |" in markdown


def test_a_failed_first_seed_leaves_the_variant_unranked_and_its_repeats_listed(tmp_path):
    results = with_repeats(make_results(tmp_path, trained=1), cnn_wide=(0.61, 0.63))
    (spread,) = seed_spreads(results)
    assert (spread.name, spread.seeds) == ("cnn_wide", "2 of 3")
    assert spread.mean == pytest.approx(0.62)
    page = PageReader(render_page(results))
    assert page.cells("spreads", "cnn_wide")[1:] == ["2 of 3", "62.00%", "1.41", "failed", "61.00%", "63.00%"]
    assert "cnn_wide" not in {row[0].strip() for row in page.tables["quality"] if row}
    assert "cnn_wide" in {row[0].strip() for row in page.tables[""] if row}, "the table of the missing"


def test_one_trained_seed_has_no_deviation(tmp_path):
    lost = NAN_LOSS.model_copy(update={"seed": 43})
    (spread,) = seed_spreads(with_repeats(make_results(tmp_path, trained=1), compact=(lost, NAN_LOSS)))
    assert math.isnan(spread.deviation)
    assert spread.cell.endswith("± – (1 of 3)")


def test_a_variant_without_weights_is_not_listed_once_a_seed(tmp_path):
    skipped = [RepeatRecord(seed=seed, status="skipped", reason="no weights") for seed in (42, 43)]
    results = make_results(tmp_path, trained=1)
    variants = tuple(
        v.model_copy(update={"repeats": tuple(skipped)}) if v.status == "skipped" else v for v in results.variants
    )
    assert seed_spreads(results.model_copy(update={"variants": variants})) == []


def test_a_repeat_of_an_earlier_run_keeps_what_it_was_trained_with(tmp_path):
    older = repeat(43, 0.74, made_with={**MADE_WITH, "keras": "3.14.0"})
    results = with_repeats(make_results(tmp_path, trained=1), compact=(older,))
    assert provenance_differences(results) == [("compact (seed 43)", "keras", "3.14.0", "3.15.0")]
