"""Multiply-adds against counts by hand, and a latency of the right order."""

import time

import keras
import pytest

from data.base.data_format import SEED_FORMAT
from models.catalog.variants import find_variant
from models.networks.layers import Backbone
from models.networks.load import load_builder
from models.networks.measure import count_multiply_adds, measure_latency


def test_convolutions_and_dense_layers_are_counted_by_hand():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, strides=2, padding="same"),
            keras.layers.DepthwiseConv2D(3, padding="same"),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )
    assert count_multiply_adds(model) == 4 * 4 * (3 * 3 * 3 * 4) + 4 * 4 * (3 * 3 * 4) + 4 * 4 * 4 * 10


def test_a_backbone_counts_with_all_its_layers():
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    pixels = keras.Input((8, 8, 3))
    assert count_multiply_adds(keras.Model(pixels, Backbone(network)(pixels))) == 6 * 6 * 3 * 3 * 3 * 4


@pytest.mark.parametrize(
    ("name", "millions"),
    [("light", 10.0), ("compact", 35.0), ("residual", 206.0), ("cnn_gray", 103.0), ("efficientnet_lite0", 70.8)],
)
def test_variants_cost_what_their_architecture_says(name, millions):
    model = load_builder(find_variant(name).builder)(SEED_FORMAT, None)
    assert count_multiply_adds(model) / 1e6 == pytest.approx(millions, rel=0.02)


class Sleepy:
    """Stands in for a model that takes 20 ms a call and 1 ms an image."""

    input_shape = (None, 48, 48, 1)

    def predict_on_batch(self, pixels):
        assert pixels.shape[1:] == (48, 48, 1)
        time.sleep(0.02 + 0.001 * len(pixels))


def test_latency_is_a_call_alone_and_a_share_of_a_batch():
    latency = measure_latency(Sleepy())
    # A busy machine only adds to what is slept.
    assert latency.single_milliseconds >= 21
    assert latency.batched_milliseconds >= 84 / 64
    assert latency.batch_images == 64
