"""Mean maps and the sanity check in a report."""

import numpy as np

from reports.run.page import render_page
from reports.run.sections.attention import colour_heatmap, load_attention, sanity_sentence
from tests.support.results_factory import make_results


def add_maps(path, correlations):
    with np.load(path) as stored:
        arrays = dict(stored)
    maps = np.zeros((4, 48, 48), np.float32)
    maps[:, 10:20, 10:20] = 0.5
    np.savez(
        path, **arrays, mean_heatmaps=maps, averaged_faces=np.array([32, 32, 0, 7]), shuffled_correlations=correlations
    )


def test_page_shows_mean_maps_of_classes_with_faces_and_the_check(tmp_path):
    results = make_results(tmp_path, trained=2)
    name = results.variants[0].name
    add_maps(tmp_path / name / "explanations.npz", np.array([0.1, -0.1, 0.05, 0.15], np.float32))
    page = render_page(results)
    assert page.count(f"Mean map of {name}") == 3
    assert "mean of 7 surprise" in page
    assert (
        "Sanity check passed: with shuffled weights its maps are others (rank correlation 0.05, 95% interval " in page
    )
    assert f"Mean map of {results.variants[1].name}" not in page


def test_maps_that_stay_fail_the_check_also_where_the_interval_does():
    assert sanity_sentence(np.full(30, 0.9)).startswith("Sanity check failed")
    assert sanity_sentence(np.array([0.0, 0.9])).startswith("Sanity check failed")
    assert sanity_sentence(np.array([0.1])).startswith("Too few")


def test_explanations_of_an_earlier_version_have_no_mean_maps(tmp_path):
    results = make_results(tmp_path, trained=1)
    assert load_attention(results.variants[0].directory, results.classes) is None
    assert load_attention("", results.classes) is None


def test_a_variant_without_maps_is_named(tmp_path):
    results = make_results(tmp_path, trained=2)
    (tmp_path / results.variants[1].name / "explanations.npz").unlink()
    assert f"Without maps: {results.variants[1].name}." in render_page(results)


def test_flat_and_undefined_maps_are_dark():
    dark = colour_heatmap(np.zeros((48, 48)))
    assert (colour_heatmap(np.full((48, 48), np.nan)) == dark).all()
    assert dark.max() < 20
