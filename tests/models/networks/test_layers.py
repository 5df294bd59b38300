"""Each preprocessing layer does what the network behind it was trained with."""

import keras
import numpy as np
import pytest

from models.networks.building_blocks import scale_to_signed, scale_to_unit
from models.networks.layers import FlipVote, GrayToRgb, StandardizeImages, SubtractImagenetMean


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (5, 48, 48, 1)).astype("float32")


def test_gray_to_rgb_stacks_the_one_channel(pixels: np.ndarray) -> None:
    rgb = GrayToRgb()(pixels).numpy()
    assert rgb.shape == (5, 48, 48, 3)
    assert all(np.array_equal(rgb[..., channel], pixels[..., 0]) for channel in range(3))


def test_subtract_imagenet_mean_equals_the_preprocessing_of_vgg16() -> None:
    rgb = np.random.default_rng(4).integers(0, 256, (5, 48, 48, 3)).astype("float32")
    expected = keras.applications.vgg16.preprocess_input(rgb.copy())
    np.testing.assert_allclose(SubtractImagenetMean()(rgb).numpy(), expected, atol=1e-4)


def test_scale_to_signed_equals_the_preprocessing_of_resnet_v2(pixels: np.ndarray) -> None:
    expected = keras.applications.resnet_v2.preprocess_input(pixels.copy())
    np.testing.assert_allclose(scale_to_signed()(pixels).numpy(), expected, atol=1e-6)


def test_scale_to_unit_maps_white_to_one() -> None:
    scaled = scale_to_unit()(np.array([[[[0.0], [255.0]]]], "float32")).numpy()
    np.testing.assert_allclose(scaled.ravel(), [0, 1], atol=1e-6)


def test_standardize_images_undoes_light_and_contrast_of_each_image(pixels: np.ndarray) -> None:
    pixels[1] = pixels[0] * 0.3 + 40
    standardized = StandardizeImages()(pixels).numpy()
    np.testing.assert_allclose(standardized.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(standardized.std(axis=(1, 2, 3)), 1, atol=1e-4)
    np.testing.assert_allclose(standardized[1], standardized[0], atol=1e-4)


def test_standardize_images_turns_a_blank_image_into_zeros() -> None:
    assert not StandardizeImages()(np.full((1, 48, 48, 1), 255, "float32")).numpy().any()


@pytest.mark.parametrize("layer", [StandardizeImages(), GrayToRgb(), SubtractImagenetMean()])
def test_layer_survives_its_configuration(layer: keras.layers.Layer) -> None:
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    rgb = np.random.default_rng(5).integers(0, 256, (2, 8, 8, 3)).astype("float32")
    np.testing.assert_array_equal(restored(rgb), layer(rgb))
    assert restored.compute_dtype == "float32"


def test_flip_vote_averages_the_answers_to_copies_of_an_image(pixels: np.ndarray) -> None:
    keras.utils.set_random_seed(6)
    inputs = keras.Input(pixels.shape[1:])
    network = keras.Model(inputs, keras.layers.Dense(4, activation="softmax")(keras.layers.Flatten()(inputs)))
    padded = np.pad(pixels, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    # A window that begins lower shows the image moved up.
    up, down, left, right = (padded[:, y : y + 48, x : x + 48] for y, x in [(4, 2), (0, 2), (2, 4), (2, 0)])
    vote = FlipVote(network, 2)
    expected = np.mean([network(copy) for copy in (up, down[:, :, ::-1], left, right[:, :, ::-1])], axis=0)
    np.testing.assert_allclose(vote(pixels).numpy(), expected, atol=1e-6)
    assert vote.passes == 4
    vote.shift_pixels = 0
    expected = np.mean([network(copy) for copy in (pixels, pixels[:, :, ::-1])], axis=0)
    np.testing.assert_allclose(vote(pixels).numpy(), expected, atol=1e-6)
    assert vote.passes == 2


def test_a_flip_vote_that_was_saved_before_it_could_shift_still_loads() -> None:
    inputs = keras.Input((48, 48, 1))
    network = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(inputs)))
    saved = keras.saving.serialize_keras_object(FlipVote(network))
    del saved["config"]["shift_pixels"]
    assert keras.saving.deserialize_keras_object(saved).passes == 2
