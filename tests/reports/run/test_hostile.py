"""Hostile and degenerate content renders safely and truthfully, through the whole analysis."""

import json
import math
import re

import numpy as np
import pandas as pd
import pytest

from data.records.analysis import Analysis
from data.records.run import RunResults
from models.analysis.analyse import list_faces
from reports.run.comparison_csv import COMPARISON_LIST
from reports.run.page import render_report
from reports.run.sources import ReportSources
from tests.reports.run.test_page import PageReader
from tests.support.results_factory import make_results, with_accuracy
from tests.support.run_factory import analyse, make_run, with_variants, write_analysed_faces

HOSTILE = '<b onload="alert(1)">'
LONG = "n" * 10_000


def render(results: RunResults, directory, faces=None) -> PageReader:
    render_report(results, directory / "out", ReportSources(faces=faces))
    page = PageReader((directory / "out" / "index.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    return page


def rename(results: RunResults, old: str, new: str) -> RunResults:
    """Return the results with a text replaced wherever it stands alone."""
    encoded = results.model_dump_json().replace(json.dumps(old), json.dumps(new))
    return RunResults.model_validate_json(encoded)


def test_a_hostile_image_name_stays_text(tmp_path):
    results = analyse(make_run(tmp_path))
    assert results.analysis
    name = list_faces(results.analysis)[0]
    page = render(rename(results, name, HOSTILE), tmp_path)
    titles = [attributes.get("title") for tag, attributes in page.tags if tag == "figcaption"]
    assert HOSTILE in titles


def test_a_hostile_class_name_stays_text(tmp_path):
    results = analyse(make_run(tmp_path))
    hostile = rename(results, "sad", HOSTILE)
    assert HOSTILE in hostile.classes
    page = render(hostile, tmp_path)
    assert page.text.count(HOSTILE) > 10
    assert "<b onload" not in re.sub(r"(?m)^    .*$", "", (tmp_path / "out" / "report.md").read_text())


@pytest.mark.parametrize("name", [LONG, HOSTILE])
def test_a_hostile_variant_name_stays_whole_in_tables_and_short_in_charts(tmp_path, name):
    page = render(rename(analyse(make_run(tmp_path)), "compact", name), tmp_path)
    assert page.cells("quality", name)[1].count("%") == 1
    table = pd.read_csv(tmp_path / "out" / COMPARISON_LIST)
    assert name in set(table["variant"])
    charts = [attributes["style"] for tag, attributes in page.tags if tag == "svg" and attributes.get("role") == "img"]
    widths = [int(re.findall(r"width: (\d+)px", style or "")[0]) for style in charts]
    assert len(widths) > 10 and max(widths) < 900
    assert (tmp_path / "out" / "index.html").stat().st_size < 5_000_000


def test_one_validation_image(tmp_path):
    results = analyse(make_run(tmp_path, images={"selection": 1, "validation": 1, "test": 1}))
    page = render(results, tmp_path, write_analysed_faces(results, tmp_path))
    assert "of 1 image wrong" in page.text
    assert "No slice could be tested." in page.text
    assert "No threshold can be recommended" in page.text


def test_a_class_that_is_missing_from_test_has_no_recall_there(tmp_path):
    results = analyse(make_run(tmp_path, images={"selection": 60, "validation": 80, "test": 2}))
    support = [row.support for row in results.variants[0].parts["test"].per_class]
    assert 0 in support
    render(results, tmp_path)
    table = pd.read_csv(tmp_path / "out" / COMPARISON_LIST, index_col="variant")
    names = [row.label for row in results.variants[0].parts["test"].per_class]
    assert [table[f"test_{name}_support"].iloc[0] for name in names] == support


def test_a_class_that_is_missing_from_validation_shows_a_dash_for_its_recall(tmp_path):
    results = make_results(tmp_path, trained=1)
    scores = results.variants[0].parts["validation"]
    absent = scores.per_class[2].model_copy(update={"support": 0, "recall": 0.0})
    scores = scores.model_copy(update={"per_class": (*scores.per_class[:2], absent, scores.per_class[3])})
    variant = results.variants[0].model_copy(update={"parts": {"validation": scores}})
    page = render(results.model_copy(update={"variants": (variant,), "best": None}), tmp_path)
    assert page.cells("quality", variant.name)[9] == "–"
    assert f"{absent.label} 0.0%" not in page.text


def test_undefined_metrics_leave_their_variant_out_of_the_analysis(tmp_path):
    results = make_run(tmp_path)
    worst = results.variants[4]
    path = tmp_path / worst.name / "predictions.parquet"
    frame = pd.read_parquet(path)
    frame.loc[0, ["probability_0"]] = np.nan
    frame.loc[frame["part"] == "validation", "probability_1"] = np.nan
    frame.to_parquet(path)
    results = analyse(results)
    assert results.analysis
    assert worst.name not in {certainty.variant for certainty in results.analysis.certainties}
    errors = results.analysis.errors
    assert errors and errors.variants + len(errors.weak) == 4 and worst.name not in errors.weak
    variants = tuple(with_accuracy(v, math.nan) if v.name == worst.name else v for v in results.variants)
    page = render(results.model_copy(update={"variants": variants}), tmp_path)
    assert page.cells("quality", worst.name)[1] == "– –"


def test_no_variant_at_all(tmp_path):
    results = make_results(tmp_path, trained=0, variants=(), analysis=Analysis())
    page = render(results, tmp_path)
    assert "The errors were not analysed" in page.text
    assert "Model card" not in page.text.split("Limits")[-1]
    assert (tmp_path / "out" / COMPARISON_LIST).read_text(encoding="utf-8-sig").strip() == "variant"


def test_one_variant_has_nothing_to_share_or_to_be_asked(tmp_path):
    results = make_run(tmp_path)
    alone = analyse(with_variants(results, [results.variants[0]]))
    page = render(alone, tmp_path)
    assert "Wrong by all" not in page.text
    assert page.text.count("Not asked in this run") == 6


def test_results_of_an_earlier_version_render_without_an_analysis(tmp_path):
    results = make_results(tmp_path)
    assert results.analysis is None
    page = render(RunResults.model_validate_json(results.model_dump_json(exclude={"analysis"})), tmp_path)
    assert page.text.count("earlier version") >= 3
