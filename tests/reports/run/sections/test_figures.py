"""Charts, overlays and block drawings: what is drawn follows from what was measured."""

import base64
import io
import math
import re

import numpy as np
import pytest
from PIL import Image

from data.records.training import LayerRow
from reports.common.images import OVERLAY_SIZE, encode_png
from reports.run.sections.architectures import architecture_blocks
from reports.run.sections.attention import load_explanations, overlay_heatmap
from reports.run.sections.cost import CostPoint, cost_charts, mark_front, pareto_figure
from reports.run.sections.data import class_balance_figure, load_contact_sheets
from reports.run.sections.leaderboard import leaderboard_figure
from tests.support.results_factory import make_layers, make_results, with_accuracy, write_pictures


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("figures"), trained=8)


def test_leaderboard_names_every_variant_once_in_order(results):
    svg = leaderboard_figure(results, "leaderboard", 9)
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", svg)
    names = [variant.name for variant in results.variants[:8]]
    assert [text for text in texts if text in names] == names
    assert f"{100 * results.variants[0].parts['validation'].accuracy:.1f}" in texts


def test_charts_take_colours_and_fonts_from_the_page(results):
    svg = leaderboard_figure(results, "leaderboard", 9)
    assert "var(--orange)" in svg and "var(--ink)" in svg
    assert not re.search(r"#0[1-3]0[1-3]0[1-3]|DejaVu|<style|xmlns|<\?xml", svg)


def test_chart_keeps_a_hostile_name_as_text(results):
    named = results.variants[0].model_copy(update={"name": "<b>$x_1$</b>"})
    svg = leaderboard_figure(results.model_copy(update={"variants": (named, *results.variants[1:])}), "leaderboard", 9)
    assert "<b>" not in svg and "&lt;b&gt;$x_1$&lt;/b&gt;" in svg


def test_cost_figure_needs_a_defined_point(results):
    variant = results.variants[0]
    free = variant.model_copy(update={"core_seconds": 0.0})
    undefined = with_accuracy(variant, math.nan)
    charts = cost_charts(results.model_copy(update={"variants": (free, undefined)}))
    assert [chart.anchor for chart in charts] == ["latency", "size", "work"]
    (chart, *_) = cost_charts(results.model_copy(update={"variants": (variant, undefined)}))
    assert [point.name for point in chart.points] == [variant.name]
    assert variant.name in pareto_figure(chart)
    assert cost_charts(results.model_copy(update={"variants": (undefined,)})) == []


def test_the_front_holds_what_nothing_betters():
    points = [
        CostPoint(name=name, cost=cost, accuracy=accuracy)
        for name, cost, accuracy in [
            ("cheap", 1, 0.5),
            ("expensive", 9, 0.8),
            ("same", 9, 0.8),
            ("bad", 10, 0.7),
            ("x", 1, 0.4),
        ]
    ]
    assert [point.name for point in mark_front(points) if point.on_front] == ["cheap", "expensive", "same"]


def test_labels_of_equal_points_do_not_stand_on_each_other(results):
    one, other = (variant.model_copy(update={"core_seconds": 900.0}) for variant in results.variants[:2])
    other = with_accuracy(other, one.parts["validation"].accuracy)
    svg = pareto_figure(cost_charts(results.model_copy(update={"variants": (one, other)}))[0])
    places = [re.search(rf'<text[^>]*x="([\d.]+)" y="([\d.]+)"[^>]*>{name}<', svg) for name in (one.name, other.name)]
    assert all(places) and len({place.groups() for place in places if place}) == 2


def test_class_balance_writes_the_counts():
    svg = class_balance_figure("train", {"happy": 1234, "sad": 0}, ("happy", "sad"))
    assert ">1,234<" in svg and ">0<" in svg


def test_overlay_is_the_face_where_cold_and_coloured_where_hot():
    face = np.full((48, 48), 128, np.uint8)
    heat = np.zeros((48, 48), np.float32)
    heat[:, 30:] = 1
    overlay = overlay_heatmap(face, heat)
    assert overlay.shape == (OVERLAY_SIZE, OVERLAY_SIZE, 3)
    assert (overlay[:, :40] == 128).all()
    assert np.ptp(overlay[:, 80:].astype(int), axis=2).min() > 50
    assert (overlay_heatmap(face, np.full((48, 48), np.nan)) == 128).all()


def test_png_reads_back():
    pixels = np.arange(48 * 48, dtype=np.uint8).reshape(48, 48)
    stored = base64.b64decode(encode_png(pixels).removeprefix("data:image/png;base64,"))
    assert (np.asarray(Image.open(io.BytesIO(stored))) == pixels).all()


def test_explanations_name_true_and_predicted_class(tmp_path):
    classes = ("happy", "neutral", "sad", "surprise")
    probabilities = np.array([[0.1, 0.2, 0.3, 0.4], [np.nan] * 4], np.float32)
    np.savez(
        tmp_path / "explanations.npz",
        images=np.zeros((2, 48, 48), np.uint8),
        heatmaps=np.zeros((2, 48, 48), np.float32),
        labels=np.array([2, 0]),
        probabilities=probabilities,
        image_ids=np.array(["a", "b"]),
    )
    first, second = load_explanations(str(tmp_path), classes)
    assert (first.true_class, first.predicted_class, round(first.probability, 3)) == ("sad", "surprise", 0.4)
    assert second.true_class == "happy" and math.isnan(second.probability)
    assert load_explanations("", classes) == []


def test_contact_sheets_hold_faces_above_views(tmp_path):
    sheets = load_contact_sheets(write_pictures(tmp_path / "pictures.npz", faces=5), ("happy", "neutral"))
    assert [(sheet.class_name, sheet.faces, sheet.augmented) for sheet in sheets] == [
        ("happy", 5, True),
        ("neutral", 5, True),
    ]
    picture = base64.b64decode(sheets[0].picture.partition(",")[2])
    assert Image.open(io.BytesIO(picture)).size == (5 * 48, 2 * 48)


def test_short_architecture_is_drawn_layer_by_layer():
    blocks = architecture_blocks(make_layers(0))
    assert [block.family for block in blocks[:4]] == ["other", "normalising", "convolution", "pooling"]
    assert blocks[2].parameters == 6_656 and not blocks[2].frozen


def test_long_architecture_is_drawn_by_output_and_loses_no_parameter():
    layers = make_layers(60)
    blocks = architecture_blocks(layers)
    assert len(blocks) < 20
    assert sum(block.parameters for block in blocks) == sum(layer.parameters for layer in layers)
    assert blocks[1].frozen and blocks[1].title == "6 layers, Conv2D"


def test_global_pooling_counts_as_pooling():
    layer = LayerRow(name="pool", kind="GlobalAveragePooling2D", output="64", parameters=0, trainable=True)
    assert architecture_blocks((layer,))[0].family == "pooling"
