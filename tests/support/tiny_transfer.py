"""Transfer variants of a few thousand weights, for trainings of seconds; builders as of `models.networks.transfer`."""

from pathlib import Path
from typing import Any

import keras
from keras import layers

from data.base.data_format import DataFormat
from models.networks.building_blocks import make_pixel_input, make_probabilities, scale_to_signed
from models.networks.layers import Backbone

CHANNELS = 8


def build_frozen(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build a head with Dropout and BatchNorm on a frozen backbone of two convolutions."""
    return _build(data_format, trainable=False)


def build_trained(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build the same network with its last convolution trainable."""
    return _build(data_format, trainable=True)


def _build(data_format: DataFormat, trainable: bool) -> keras.Model:
    pixels = make_pixel_input(data_format.shape)
    image: Any = keras.Input((48, 48, 1))
    first = layers.Conv2D(CHANNELS, 5, strides=4, activation="relu", trainable=False)(image)
    last = layers.Conv2D(CHANNELS, 3, strides=2, activation="relu", trainable=trainable)(first)
    network = keras.Model(image, last, name="tiny")
    features = Backbone(network, name="tiny_backbone")(scale_to_signed()(pixels))
    features = layers.BatchNormalization()(layers.Flatten()(features))
    features = layers.Dropout(0.2)(layers.Dense(16, activation="relu")(features))
    return keras.Model(pixels, make_probabilities(data_format)(features), name="tiny_transfer")
