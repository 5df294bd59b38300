"""EfficientNet-Lite0 on the published weights says what PyTorch's says, and its features tell gray images apart."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data.base.data_format import SEED_FORMAT
from data.workspace.digests import hash_file
from models.networks.efficientnet_lite0 import build_lite0_backbone, scale_for_lite0
from models.networks.transfer import build_efficientnet_lite0
from models.weights.lite0 import CLASSIFIER, convert_lite0_weights, is_converted
from models.weights.locate import find_weights
from models.weights.torch_file import read_torch_file
from tests.support.package_file import find_package_file
from tests.support.tiny_views import draw_images

FIXTURE = Path(__file__).with_name("lite0_logits.npz")
"""Made by make_lite0_fixture.py."""


@pytest.fixture(scope="module")
def torch_file() -> Path:
    return find_package_file()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, torch_file: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        return find_weights("efficientnet_lite0", None, allow_download=False)


@pytest.mark.parametrize("side", [224, 112])
def test_logits_are_those_of_pytorch(side: int, weights: Path, torch_file: Path) -> None:
    with np.load(FIXTURE) as fixture:
        mosaics, expected = fixture["mosaics"], fixture[f"logits_{side}"]
    tile = side // mosaics.shape[1]
    images = mosaics.repeat(tile, 1).repeat(tile, 2).astype("float32")
    features = build_lite0_backbone(weights, (side, side, 3))(scale_for_lite0()(images), training=False)
    classifier = read_torch_file(torch_file)
    kernel, bias = classifier[f"{CLASSIFIER}.weight"], classifier[f"{CLASSIFIER}.bias"]
    logits = features.numpy().mean(axis=(1, 2)) @ kernel.T + bias
    assert expected.std() > 0.5, "logits that say nothing would agree"
    np.testing.assert_allclose(logits, expected, atol=1e-3)


def test_parameters_are_the_published_number() -> None:
    backbone = build_lite0_backbone(None, (224, 224, 3))
    trainable = sum(weight.numpy().size for weight in backbone.trainable_weights)
    assert trainable + 1000 * 1280 + 1000 == 4_652_008, "4.65 million, with the classifier"


@pytest.mark.parametrize(("side", "places"), [(48, 2), (96, 3), (224, 7)])
def test_backbone_ends_at_a_32nd_of_its_input(side: int, places: int) -> None:
    assert build_lite0_backbone(None, (side, side, 3)).output_shape == (None, places, places, 1280)


def test_layers_of_the_file_are_those_of_the_backbone(weights: Path) -> None:
    backbone = build_lite0_backbone(weights, (64, 64, 3))
    with h5py.File(weights) as file:
        named = {name: list(file[name].attrs["weight_names"]) for name in file.attrs["layer_names"]}
    ours = {layer.name: [weight.name for weight in layer.weights] for layer in backbone.layers if layer.weights}
    assert named == ours


def test_equal_sources_give_equal_bytes(weights: Path, torch_file: Path, tmp_path: Path) -> None:
    """The key of a training has the hash of its weights: a second conversion must not train again."""
    convert_lite0_weights(torch_file, tmp_path / "again.h5", hash_file(torch_file))
    assert (tmp_path / "again.h5").read_bytes() == weights.read_bytes()


def test_half_a_file_and_one_of_another_source_do_not_count(weights: Path, torch_file: Path, tmp_path: Path) -> None:
    sha256 = hash_file(torch_file)
    half = tmp_path / "half.h5"
    half.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    assert is_converted(weights, sha256)
    assert not is_converted(half, sha256)
    assert not is_converted(weights, "0" * 64)
    assert not is_converted(tmp_path / "missing.h5", sha256)


def test_frozen_features_tell_bright_quarters_apart(weights: Path) -> None:
    """The variant's whole way from gray pixels to pooled features; that its head learns is in test_variants.py."""
    labels = np.arange(96) % 4
    images = draw_images(labels, np.random.default_rng(3))
    model = build_efficientnet_lite0(SEED_FORMAT, weights)
    pooled = next(layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    features = keras.Model(model.input, pooled.output)(images, training=False).numpy()
    classifier = make_pipeline(StandardScaler(), LogisticRegression()).fit(features[:64], labels[:64])
    assert classifier.score(features[64:], labels[64:]) >= 0.8, "chance is 0.25"
