"""Building blocks that several networks share: pixel input, convolution, normalization, scaling, output."""

from typing import Any

import keras

from data.base.labels import IMAGE_SIZE


def make_pixel_input() -> keras.KerasTensor:
    """Return the input that all variants share.

    Returns:
        Symbolic tensor "pixels" of shape (batch, 48, 48, 1), 0..255. Keras casts uint8 to its dtype, float32.
    """
    pixels: Any = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 1), dtype="float32", name="pixels")
    return pixels


def make_probabilities(classes: int) -> keras.layers.Dense:
    """Return the last layer that all variants share: softmax in float32, whatever the precision before it."""
    return keras.layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities")


def make_convolution(filters: int, kernel: int = 3, strides: int = 1) -> keras.layers.Conv2D:
    """Return a convolution of the project's own networks; it has no bias, because there is always a BatchNorm too."""
    return keras.layers.Conv2D(
        filters, kernel, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal"
    )


def make_normalization() -> keras.layers.BatchNormalization:
    """Return a BatchNorm for a few hundred steps per epoch; with Keras' momentum of 0.99 its statistics lag behind."""
    return keras.layers.BatchNormalization(momentum=0.9)


def scale_to_unit() -> keras.layers.Rescaling:
    """Return a layer that maps pixels from 0..255 to 0..1."""
    return keras.layers.Rescaling(1 / 255, dtype="float32", name="scale_to_unit")


def scale_to_signed() -> keras.layers.Rescaling:
    """Return a layer that maps pixels from 0..255 to -1..1, as ResNet50V2's published weights expect."""
    return keras.layers.Rescaling(1 / 127.5, offset=-1, dtype="float32", name="scale_to_signed")
