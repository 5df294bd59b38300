"""Every variant is what its table says, learns, and gives the same after it was saved, whatever the pixels' type."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from data.base.data_format import SEED_FORMAT, DataFormat
from data.base.errors import PipelineError
from data.base.named_formats import NAMED_FORMATS
from models.catalog.disk_space import MAX_UNTRAINED_BYTES, TRAINING_COPIES
from models.catalog.variants import VARIANTS, Variant, find_variant
from models.networks.layers import Backbone
from models.networks.load import load_builder
from models.networks.measure import count_multiply_adds
from models.training.features import split_frozen
from models.training.finetuning import TunedBackbone
from models.weights.locate import WEIGHTS_FILES
from tests.support.generated_weights import IMAGENET_DEVIATION_RGB, IMAGENET_MEAN_RGB, make_weights

PARAMETERS = {
    "cnn_gray": (248_644, 248_644),
    "cnn_rgb": (261_444, 261_444),
    "cnn_2": (470_868, 470_932),
    "cnn_3": (1_401_716, 1_401_716),
    "vgg16_a": (301_812, 15_016_500),
    "vgg16_b": (414_132, 15_129_844),
    "resnet50v2": (2_160_260, 25_742_340),
    "efficientnetb0": (328_964, 4_378_535),
    "vgg16_tuned": (13_045_380, 14_780_868),
    "resnet50v2_tuned": (15_213_188, 23_827_588),
    "efficientnetb0_tuned": (3_294_368, 4_214_055),
    "light": (155_796, 156_436),
    "light_rgb": (156_596, 157_236),
    "light_plain": (155_796, 156_436),
    "light_shallow": (49_492, 49_812),
    "compact": (491_044, 492_196),
    "residual": (1_918_404, 1_921_604),
    "efficientnet_lite0": (328_964, 3_741_988),
    "efficientnet_lite0_tuned": (3_493_476, 3_577_508),
}
"""Trainable and total parameters: the notebook's own for its eight, fixed for ours."""

NOTEBOOK = ["cnn_gray", "cnn_rgb", "cnn_2", "cnn_3", "vgg16_a", "vgg16_b", "resnet50v2", "efficientnetb0"]


@pytest.fixture(scope="module", params=VARIANTS.values(), ids=lambda variant: variant.name)
def built(request: pytest.FixtureRequest) -> tuple[Variant, keras.Model]:
    keras.utils.set_random_seed(7)
    return request.param, load_builder(request.param.builder)(SEED_FORMAT)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (8, 48, 48, 1), dtype=np.uint8)


@pytest.fixture
def bfloat16() -> Iterator[None]:
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield
    keras.mixed_precision.set_global_policy("float32")


def test_table_is_that_of_the_notebook_and_our_own() -> None:
    assert set(PARAMETERS) <= set(VARIANTS)
    assert all(name == variant.name for name, variant in VARIANTS.items())
    assert [name for name, variant in VARIANTS.items() if variant.published] == NOTEBOOK
    assert {variant.backbone for variant in VARIANTS.values() if variant.pretrained} == set(WEIGHTS_FILES)
    assert not any(variant.backbone for variant in VARIANTS.values() if not variant.pretrained)


def test_unknown_names_are_answered_with_the_known() -> None:
    with pytest.raises(PipelineError, match=r"'cnn_9'.*cnn_gray"):
        find_variant("cnn_9")
    with pytest.raises(PipelineError, match="build_nothing"):
        load_builder("models.networks.notebook_cnn:build_nothing")


def test_parameters_and_output(built: tuple[Variant, keras.Model], pixels: np.ndarray) -> None:
    variant, model = built
    counted = (_count_trainable(model), model.count_params())
    assert counted == PARAMETERS.get(variant.name), f"for a new variant, add {variant.name!r}: {counted} to PARAMETERS"
    assert variant.builder.endswith(model.name), "light_plain is the network light"
    assert (model.input_shape, model.inputs[0].name) == ((None, 48, 48, 1), "pixels")
    probabilities = model(pixels).numpy()
    assert (probabilities.shape, probabilities.dtype) == ((8, 4), np.float32)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_estimated_disk_usage_covers_a_training(built: tuple[Variant, keras.Model]) -> None:
    _, model = built
    weights, moments = 4 * model.count_params(), 2 * 4 * _count_trainable(model)
    checkpoint = weights + moments
    backbone = 4 * sum(layer.count_params() for layer in model.layers if isinstance(layer, Backbone))
    needed = 2 * checkpoint + weights + weights  # the old and the new checkpoint, the best epoch, the exported model
    assert needed <= TRAINING_COPIES * (backbone + MAX_UNTRAINED_BYTES), "raise it in models/catalog/disk_space.py"


def test_saved_model_gives_the_same_for_all_pixel_types(
    built: tuple[Variant, keras.Model], pixels: np.ndarray, tmp_path: Path
) -> None:
    _, model = built
    expected = model(pixels.astype("float32")).numpy()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for given in (pixels, pixels.astype("float64"), tf.constant(pixels)):
        np.testing.assert_allclose(loaded(given).numpy(), expected, atol=1e-6)
    assert [weight.path for weight in loaded.trainable_weights] == [weight.path for weight in model.trainable_weights]


def test_one_step_trains_what_is_trainable_and_leaves_the_rest_of_the_backbone(
    built: tuple[Variant, keras.Model], pixels: np.ndarray
) -> None:
    variant, model = built
    backbones = [layer for layer in model.layers if isinstance(layer, Backbone)]
    frozen = [weight for layer in backbones for weight in layer.non_trainable_weights]
    tuned = [weight for layer in backbones for weight in layer.trainable_weights]
    own = [weight for weight in model.trainable_weights if not any(weight is of_backbone for of_backbone in tuned)]
    assert bool(frozen) == variant.pretrained
    before = [_values(weights) for weights in (own, tuned, frozen)]
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    model.train_on_batch(pixels, np.arange(8) % 4)
    own_moved, tuned_moved, frozen_moved = (
        [not np.array_equal(old, new) for old, new in zip(earlier, _values(weights), strict=True)]
        for earlier, weights in zip(before, (own, tuned, frozen), strict=True)
    )
    assert all(own_moved), [weight.path for weight, yes in zip(own, own_moved, strict=True) if not yes]
    # Deep in a random EfficientNet a gradient may be less than a weight's last digit.
    assert any(tuned_moved) == bool(tuned) and not any(frozen_moved)


def test_a_head_on_features_in_float16_predicts_as_the_network_on_pixels(
    built: tuple[Variant, keras.Model], pixels: np.ndarray
) -> None:
    variant, model = built
    network = split_frozen(model)
    assert (network is None) == (not variant.pretrained or bool(TunedBackbone(model)))
    if network:
        features = network.extractor(pixels).numpy().astype(np.float16)
        np.testing.assert_allclose(network.head(features), model(pixels), atol=1e-3)


def test_only_convolutions_at_the_top_of_a_backbone_are_tuned(built: tuple[Variant, keras.Model]) -> None:
    variant, model = built
    tuned = TunedBackbone(model)
    assert bool(tuned) == variant.name.endswith("_tuned")
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in tuned.layers)
    if tuned:
        network = model.get_layer(f"{variant.backbone}_backbone").layer
        weighty = [layer for layer in network.layers if layer.weights]
        assert tuned.layers == [
            layer for layer in weighty[weighty.index(tuned.layers[0]) :] if "Normalization" not in type(layer).__name__
        ], "nothing frozen but BatchNorms lies above the first tuned layer"


def _count_trainable(model: keras.Model) -> int:
    return sum(weight.numpy().size for weight in model.trainable_weights)


def _values(weights: Sequence[keras.Variable]) -> list[np.ndarray]:
    return [weight.numpy() for weight in weights]


@pytest.mark.parametrize("name", ["light", "compact", "residual", "cnn_2"])
def test_fit_and_predict_take_uint8_and_mixed_precision(name: str, pixels: np.ndarray, bfloat16: None) -> None:
    model = load_builder(find_variant(name).builder)(SEED_FORMAT)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(tf.data.Dataset.from_tensor_slices((pixels, np.arange(8) % 4)).batch(4), shuffle=False, verbose=0)
    predicted = model.predict(pixels, verbose=0)
    assert predicted.dtype == np.float32
    np.testing.assert_array_equal(predicted, model.predict(pixels.astype("float32"), verbose=0))
    assert model.layers[1].compute_dtype == "float32", "pixels must not lose detail before they are scaled"


@pytest.mark.parametrize("name", ["compact", "residual"])
def test_our_own_see_a_face_through_light_and_contrast(name: str, pixels: np.ndarray) -> None:
    model = load_builder(find_variant(name).builder)(SEED_FORMAT)
    np.testing.assert_allclose(model(pixels), model(pixels.astype("float32") * 0.5 + 30), atol=1e-4)


def _unit_rgb(rgb: np.ndarray) -> np.ndarray:
    return rgb / 255


def _scaled_for_lite0(rgb: np.ndarray) -> np.ndarray:
    return (tf.image.resize(rgb, (96, 96), method="bilinear").numpy() - 127) / 128


def _standardized(rgb: np.ndarray) -> np.ndarray:
    return ((rgb - rgb.mean((1, 2, 3), keepdims=True)) / rgb.std((1, 2, 3), keepdims=True))[..., :1]


USUAL_PREPROCESSING = ("standardize_images", _standardized)

PREPROCESSING = {
    "light": USUAL_PREPROCESSING,
    "light_rgb": ("gray_to_rgb", lambda rgb: np.repeat(_standardized(rgb), 3, axis=-1)),
    "light_plain": USUAL_PREPROCESSING,
    "light_shallow": USUAL_PREPROCESSING,
    "compact": USUAL_PREPROCESSING,
    "residual": USUAL_PREPROCESSING,
    "cnn_gray": ("scale_to_unit", lambda rgb: rgb[..., :1] / 255),
    "cnn_rgb": ("gray_to_rgb", _unit_rgb),
    "cnn_2": ("gray_to_rgb", _unit_rgb),
    "cnn_3": ("gray_to_rgb", _unit_rgb),
    "vgg16_a": ("subtract_imagenet_mean", keras.applications.vgg16.preprocess_input),
    "vgg16_b": ("subtract_imagenet_mean", keras.applications.vgg16.preprocess_input),
    "resnet50v2": ("gray_to_rgb", keras.applications.resnet_v2.preprocess_input),
    "efficientnetb0": ("gray_to_rgb", keras.applications.efficientnet.preprocess_input),
    "efficientnet_lite0": ("gray_to_rgb", _scaled_for_lite0),
    "vgg16_tuned": ("subtract_imagenet_mean", keras.applications.vgg16.preprocess_input),
    "resnet50v2_tuned": ("gray_to_rgb", keras.applications.resnet_v2.preprocess_input),
    "efficientnetb0_tuned": ("gray_to_rgb", keras.applications.efficientnet.preprocess_input),
    "efficientnet_lite0_tuned": ("gray_to_rgb", _scaled_for_lite0),
}
"""The last step before each variant's first trained layer, and what the pixels, stacked to RGB, are there.

A variant that is not in the table has the usual preprocessing; add it here if it has another.
"""


def test_first_trained_layer_gets_the_right_pixels(built: tuple[Variant, keras.Model], pixels: np.ndarray) -> None:
    variant, model = built
    last_step, preprocess = PREPROCESSING.get(variant.name, USUAL_PREPROCESSING)
    following = model.layers[model.layers.index(model.get_layer(last_step)) + 1]
    assert isinstance(following, (Backbone, keras.layers.Conv2D))
    seen = keras.Model(model.input, model.get_layer(last_step).output)(pixels)
    enlarged = tf.image.resize(pixels, seen.shape[1:3]).numpy()
    np.testing.assert_allclose(seen, preprocess(np.repeat(enlarged, 3, axis=-1)), atol=1e-4)


@pytest.fixture(scope="module")
def efficientnets(tmp_path_factory: pytest.TempPathFactory) -> list[keras.Model]:
    """Return EfficientNetB0 on a weights file, as built and as loaded after saving."""
    folder = tmp_path_factory.mktemp("efficientnet")
    path = make_weights("efficientnetb0", folder)
    model = load_builder(find_variant("efficientnetb0").builder)(SEED_FORMAT, path)
    model.save(folder / "model.keras")
    return [model, keras.saving.load_model(folder / "model.keras")]


def test_efficientnet_rescales_as_its_published_weights_expect(efficientnets, pixels: np.ndarray) -> None:
    rgb = np.repeat(pixels, 3, axis=-1).astype("float32")
    expected = (rgb / 255 - IMAGENET_MEAN_RGB) / np.array(IMAGENET_DEVIATION_RGB)
    for model in efficientnets:
        backbone = model.get_layer("efficientnetb0_backbone").layer
        seen = keras.Model(backbone.input, backbone.get_layer("imagenet_rescaling").output)(rgb)
        np.testing.assert_allclose(seen, expected, atol=1e-4)


def test_backbone_stays_in_inference_mode_while_it_is_trained(efficientnets, pixels: np.ndarray) -> None:
    for model in efficientnets:
        model.get_layer("efficientnetb0_backbone").layer.trainable = True
        np.testing.assert_allclose(model(pixels, training=True), model(pixels, training=False), atol=1e-6)


def test_builder_loads_the_weights_given(tmp_path: Path) -> None:
    path = make_weights("vgg16", tmp_path, seed=5)
    source = keras.saving.load_model(path, compile=False)
    backbone = load_builder(find_variant("vgg16_a").builder)(SEED_FORMAT, path).get_layer("vgg16_backbone")
    for ours, theirs in zip(backbone.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


OTHER_FORMATS = {
    "two small gray": DataFormat(labels=("no", "yes"), height=32, width=32),
    "seven, 100 in colour": NAMED_FORMATS["rafdb"].data_format,
    "eight, 224 in colour": NAMED_FORMATS["affectnet"].data_format,
    "thirty, not square": DataFormat(labels=tuple(f"class {n}" for n in range(30)), height=64, width=112, channels=3),
}


def build_for(name: str, data_format: DataFormat) -> None:
    model = load_builder(find_variant(name).builder)(data_format, None)
    assert model.input_shape == (None, *data_format.shape)
    answers = np.asarray(model(np.full((1, *data_format.shape), 99, np.uint8)))
    assert answers.shape == (1, len(data_format.labels)) and answers.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("data_format", OTHER_FORMATS.values(), ids=OTHER_FORMATS)
@pytest.mark.parametrize("name", ["light", "light_rgb", "light_shallow", "compact", "residual"])
def test_our_networks_build_for_every_format(name: str, data_format: DataFormat) -> None:
    build_for(name, data_format)


@pytest.mark.slow
@pytest.mark.parametrize("data_format", OTHER_FORMATS.values(), ids=OTHER_FORMATS)
@pytest.mark.parametrize("name", [name for name in VARIANTS if not name.startswith(("light", "compact", "residual"))])
def test_every_network_builds_for_every_format(name: str, data_format: DataFormat) -> None:
    build_for(name, data_format)


def test_larger_images_cost_our_networks_little_more() -> None:
    work = [
        count_multiply_adds(load_builder(find_variant("compact").builder)(OTHER_FORMATS[key], None))
        for key in ("seven, 100 in colour", "eight, 224 in colour")
    ]
    seed = count_multiply_adds(load_builder(find_variant("compact").builder)(SEED_FORMAT, None))
    assert max(work) < 2.5 * seed
