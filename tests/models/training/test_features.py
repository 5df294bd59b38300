"""Kept features: what the backbone gives, computed once, by one writer, whole or not at all."""

import math
import threading
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from data.base.data_format import SEED_FORMAT
from data.base.errors import PipelineError
from data.views.tfrecords import read_part
from data.workspace.layout import FEATURES_STAGE
from models.networks.transfer import build_vgg16_a, build_vgg16_b
from models.training.batches import feature_batches
from models.training.features import Features, FeatureStore, split_frozen
from models.training.timing import OutOfTime
from tests.support.tiny_transfer import CHANNELS, build_frozen, build_trained
from tests.support.tiny_views import IMAGES, write_tiny_views

LONG_AGO = 0.0


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    return write_tiny_views(tmp_path_factory.mktemp("views"))


def make_network(build=build_frozen, seed=1):
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    return split_frozen(build(SEED_FORMAT))


def make_store(root, views, **network):
    return FeatureStore(root, views, make_network(**network).extractor)


def counting(store):
    """Make the store note how many images pass its backbone."""
    passed, extract = [], store.extract
    store.extract = lambda images: passed.append(len(images)) or extract(images)
    return passed


def test_both_halves_are_the_network_and_share_its_weights():
    model = build_frozen(SEED_FORMAT)
    extractor, head = split_frozen(model)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1), dtype=np.uint8)
    np.testing.assert_allclose(head(extractor(pixels)), model(pixels), atol=1e-6)
    assert {id(variable) for variable in head.variables} <= {id(variable) for variable in model.variables}
    assert [weight.path for weight in head.trainable_weights] == [weight.path for weight in model.trainable_weights]


def test_only_a_frozen_backbone_is_cut_off():
    assert split_frozen(build_trained(SEED_FORMAT)) is None
    assert split_frozen(keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten()])) is None


def test_features_are_those_of_the_backbone_in_written_order(views, tmp_path):
    store = make_store(tmp_path, views)
    features = store.load("train", 1)
    batches = list(read_part(views, "train", view=1))
    exact = np.concatenate([store.extractor(images) for images, _ in batches])
    assert features.values.shape == (IMAGES["train"], 5, 5, CHANNELS) and features.values.dtype == np.float16
    assert isinstance(features.values, np.memmap)
    np.testing.assert_allclose(features.values, exact, rtol=1e-3, atol=1e-6)
    assert features.labels.tolist() == np.concatenate([labels for _, labels in batches]).tolist()


def test_a_view_passes_the_backbone_once(views, tmp_path):
    first, again = make_store(tmp_path, views), make_store(tmp_path, views)
    assert not first.has("train", 1)
    expected = first.load("train", 1)
    passed = counting(again)
    np.testing.assert_array_equal(again.load("train", 1).values, expected.values)
    assert passed == [] and again.has("train", 1) and not again.has("train", 0)


def test_other_weights_have_other_features(views, tmp_path):
    make_store(tmp_path, views).load("test")
    assert not make_store(tmp_path, views, seed=2).has("test")


def test_variants_on_one_backbone_share_their_features(views, tmp_path):
    a, b = (make_store(tmp_path, views, build=build) for build in (build_vgg16_a, build_vgg16_b))
    a.load("test")
    assert b.has("test")


def test_two_writers_at_once_compute_a_view_once(views, tmp_path):
    stores = [make_store(tmp_path, views) for _ in range(2)]
    passed = [counting(store) for store in stores]
    threads = [threading.Thread(target=store.load, args=["train"]) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(sum, passed)) == [0, IMAGES["train"]]


def test_what_a_killed_writer_left_counts_for_nothing(views, tmp_path):
    store = make_store(tmp_path, views)
    expected = np.array(store.load("test").values)
    (stage,) = (tmp_path / FEATURES_STAGE).glob("[!.]*")
    half = stage.with_name(f".{stage.name}.work")
    stage.rename(half)
    (half / "features.npy").write_bytes(b"half")
    assert not store.has("test")
    np.testing.assert_array_equal(store.load("test").values, expected)


def test_a_pass_ends_at_its_deadline_and_leaves_nothing(views, tmp_path):
    store = make_store(tmp_path, views)
    with pytest.raises(OutOfTime):
        store.load("train", deadline=LONG_AGO)
    assert not store.has("train")
    assert not list((tmp_path / FEATURES_STAGE).glob("*.work"))


def test_so_does_the_wait_for_another_writer(views, tmp_path):
    store, holds, release = make_store(tmp_path, views), threading.Event(), threading.Event()
    slow = make_store(tmp_path, views)
    extract = slow.extract
    slow.extract = lambda images: (holds.set(), release.wait(20), extract(images))[-1]
    writer = threading.Thread(target=slow.load, args=["train"])
    writer.start()
    assert holds.wait(20)
    with pytest.raises(OutOfTime):
        store.load("train", deadline=time.monotonic() + 0.2)
    release.set()
    writer.join()
    assert store.has("train")


@pytest.mark.parametrize("value", [1e6, math.nan])
def test_features_beyond_float16_are_refused(views, tmp_path, value):
    store = make_store(tmp_path, views)
    store.extract = lambda images: tf.fill([len(images), 5, 5, CHANNELS], value)
    with pytest.raises(PipelineError, match=r"expected at most 65504.*cache_features=False"):
        store.load("test")


def test_a_full_disk_is_said_to_be_one(views, tmp_path, monkeypatch):
    store = make_store(tmp_path, views)

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", fail)
    with pytest.raises(PipelineError, match=r"No space left on device.*MB of features of test.*free some"):
        store.load("test")
    assert not store.has("test")


def test_a_sample_times_the_backbone(views, tmp_path):
    some, image_seconds = make_store(tmp_path, views).sample()
    assert len(some.values) == len(some.labels) == IMAGES["train"]
    assert 0 < image_seconds < 1


def test_batches_come_in_the_order_asked_for():
    values = np.arange(5, dtype=np.float16).reshape(5, 1, 1, 1)
    features = Features(values, np.arange(5, dtype=np.int32))
    batches = list(feature_batches(features, np.array([4, 0, 3, 1, 2]), 2).as_numpy_iterator())
    assert [labels.tolist() for _, labels in batches] == [[4, 0], [3, 1], [2]]
    assert [block.ravel().tolist() for block, _ in batches] == [[4, 0], [3, 1], [2]]
    assert batches[0][0].dtype == np.float32
