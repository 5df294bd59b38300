"""Building blocks that several networks share: pixel input, convolution, normalization, scaling, output."""

import math
from typing import Any

import keras

from data.base.data_format import DataFormat
from models.networks.layers import GrayToRgb, RgbToGray

DESIGN_SIDE = 48
"""Height and width in pixels that the project's own networks are made for."""


def make_pixel_input(shape: tuple[int, int, int]) -> keras.KerasTensor:
    """Return the input that all variants share.

    Args:
        shape: height, width and channels of an image.

    Returns:
        Symbolic tensor "pixels" of shape (batch, *shape), 0..255. Keras casts uint8 to its dtype, float32.
    """
    pixels: Any = keras.Input(shape, dtype="float32", name="pixels")
    return pixels


def make_probabilities(data_format: DataFormat) -> keras.layers.Dense:
    """Return the last layer that all variants share: softmax in float32, whatever the precision before it."""
    return keras.layers.Dense(len(data_format.labels), activation="softmax", dtype="float32", name="probabilities")


def as_rgb(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Return gray pixels with their channel three times, and RGB as it is."""
    return GrayToRgb(name="gray_to_rgb")(pixels) if pixels.shape[-1] == 1 else pixels


def as_gray(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Return RGB pixels as gray, and gray ones as they are."""
    return RgbToGray(name="rgb_to_gray")(pixels) if pixels.shape[-1] == 3 else pixels


def count_halvings(data_format: DataFormat) -> int:
    """Return how often an image has to be halved until it has about the 48 pixels that a network is made for.

    Examples:
        >>> labels = ("angry", "happy")
        >>> [count_halvings(DataFormat(labels=labels, height=side, width=side)) for side in (32, 48, 64, 100, 224)]
        [0, 0, 0, 1, 2]
    """
    return max(0, round(math.log2(min(data_format.height, data_format.width) / DESIGN_SIDE)))


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
