"""Grad-CAM looks where the class is decided, in plain networks and through backbones; examples are the same for all."""

from pathlib import Path

import keras
import numpy as np
import pytest

from data.base.data_format import SEED_FORMAT, DataFormat
from data.base.errors import PipelineError
from models.catalog.variants import find_variant
from models.networks.building_blocks import make_pixel_input, make_probabilities, scale_to_unit
from models.networks.gradcam import average_heatmaps, compare_with_shuffled, explain_images, pick_examples
from models.networks.load import load_builder
from models.networks.measure import summarize_layers


def _build(name: str) -> keras.Model:
    keras.utils.set_random_seed(11)
    return load_builder(find_variant(name).builder)(SEED_FORMAT)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (3, 48, 48, 1), dtype=np.uint8)


def _bright_corner_detector() -> keras.Model:
    """Return a model whose class 1 answers to bright pixels, wherever they are, and class 0 to none."""
    pixels = make_pixel_input(SEED_FORMAT.shape)
    convolution = keras.layers.Conv2D(1, 3, padding="same", activation="relu", kernel_initializer="ones")
    features = keras.layers.GlobalAveragePooling2D()(convolution(scale_to_unit()(pixels)))
    last = make_probabilities(DataFormat(labels=("dark", "bright")))
    model = keras.Model(pixels, last(features))
    last.set_weights([np.array([[-1.0, 1.0]]), np.zeros(2)])
    return model


@pytest.mark.parametrize(("row", "column"), [(8, 8), (8, 40), (40, 24)])
def test_heat_lies_on_what_decides(row: int, column: int) -> None:
    image = np.zeros((1, 48, 48, 1), np.uint8)
    image[0, row - 3 : row + 4, column - 3 : column + 4] = 255
    (heatmap,) = explain_images(_bright_corner_detector(), image)
    assert heatmap[row, column] == pytest.approx(1)
    assert heatmap[row - 4 : row + 5, column - 4 : column + 5].sum() == pytest.approx(heatmap.sum())


def test_nothing_that_speaks_for_the_class_gives_a_blank_heatmap() -> None:
    model = _bright_corner_detector()
    model.layers[-1].set_weights([np.array([[-1.0, -2.0]]), np.array([0.0, 5.0])])
    assert not explain_images(model, np.full((1, 48, 48, 1), 200, np.uint8)).any()


@pytest.mark.parametrize(
    "name", ["compact", "residual", "cnn_3", "vgg16_a", "resnet50v2", "efficientnetb0", "efficientnet_lite0"]
)
def test_heatmaps_of_a_variant(name: str, pixels: np.ndarray) -> None:
    heatmaps = explain_images(_build(name), pixels)
    assert (heatmaps.shape, heatmaps.dtype) == ((3, 48, 48), np.float32)
    assert heatmaps.min() >= 0
    peaks = heatmaps.max(axis=(1, 2))
    assert np.all(np.isclose(peaks, 1) | (peaks == 0))
    assert heatmaps.std(axis=(1, 2)).max() > 0.01, "no image has a place that stands out"


def test_loaded_model_and_float_pixels_explain_alike(pixels: np.ndarray, tmp_path: Path) -> None:
    model = _build("vgg16_a")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = explain_images(model, pixels)
    np.testing.assert_allclose(explain_images(loaded, pixels.astype("float32")), expected, atol=1e-4)


def test_many_images_are_explained_as_each_alone() -> None:
    images = np.random.default_rng(3).integers(0, 256, (70, 48, 48, 1), dtype=np.uint8)
    model = _build("compact")
    together = explain_images(model, images)
    np.testing.assert_allclose(explain_images(model, images[67:68])[0], together[67], atol=1e-3)
    assert explain_images(model, images[:0]).shape == (0, 48, 48)


def test_models_that_are_no_chain_are_refused(pixels: np.ndarray) -> None:
    start = make_pixel_input(SEED_FORMAT.shape)
    left = keras.layers.Conv2D(4, 3)(start)
    right = keras.layers.Conv2D(4, 3)(start)
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Subtract()([left, right]))
    with pytest.raises(PipelineError, match="one layer after the other"):
        explain_images(keras.Model(start, make_probabilities(SEED_FORMAT)(features)), pixels)
    with pytest.raises(PipelineError, match="Grad-CAM needs one"):
        explain_images(keras.Model(start, make_probabilities(SEED_FORMAT)(keras.layers.Flatten()(start))), pixels)


def test_examples_depend_on_labels_and_seed_alone() -> None:
    labels = np.random.default_rng(4).integers(0, 4, 200)
    labels[labels == 3] = 2
    labels[17] = 3
    chosen = pick_examples(labels, seed=5, per_class=2)
    assert labels[chosen].tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert chosen.tolist() == pick_examples(labels.tolist(), seed=5, per_class=2).tolist()
    assert chosen.tolist() != pick_examples(labels, seed=6, per_class=2).tolist()
    assert set(pick_examples(labels, seed=5)) < set(chosen), "so that a map of one is among the maps of many"
    assert pick_examples([], seed=5).tolist() == []


def test_summary_counts_every_parameter_once() -> None:
    model = _build("vgg16_a")
    rows = summarize_layers(model)
    assert sum(row.parameters for row in rows) == model.count_params()
    assert [row.trainable for row in rows if row.kind == "Backbone"] == [False]
    assert rows[-1].model_dump(exclude={"name"}) == {
        "kind": "Dense",
        "output": "4",
        "parameters": 68,
        "trainable": True,
    }


def test_mean_heatmaps_are_of_each_class_alone() -> None:
    heatmaps = np.stack([np.full((2, 2), value, np.float32) for value in (0.2, 0.4, 1.0)])
    means = average_heatmaps(heatmaps, [0, 0, 2], 3)
    assert means[:, 0, 0].tolist() == pytest.approx([0.3, 0.0, 1.0])


def test_shuffled_weights_change_the_maps_and_are_put_back(pixels: np.ndarray) -> None:
    model = _build("compact")
    before, heatmaps = model.get_weights(), explain_images(model, pixels)
    correlations = compare_with_shuffled(model, pixels, heatmaps, seed=1)
    assert correlations.size and correlations.max() < 0.95
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


def test_maps_that_do_not_depend_on_the_weights_correlate_fully(pixels: np.ndarray) -> None:
    model = _bright_corner_detector()
    convolution = model.layers[2]
    assert convolution.get_weights()[0].std() == 0  # shuffling leaves it as it is
    heatmaps = explain_images(model, pixels)
    assert compare_with_shuffled(model, pixels, heatmaps, seed=0) == pytest.approx(1, abs=1e-5)
