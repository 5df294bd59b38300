"""CNNs of the notebook, layer by layer; the notebook scaled pixels outside of the model, here a layer scales them.

A LeakyReLU after a convolution with a ReLU does not change its input. The notebook has it, so it stays.
"""

from pathlib import Path

import keras
from keras import layers

from models.networks.building_blocks import make_pixel_input, make_probabilities, scale_to_unit
from models.networks.layers import GrayToRgb

LEAKY_SLOPE = 0.1
"""Slope of every LeakyReLU in the notebook."""


def build_cnn_gray(classes: int, weights: Path | None = None) -> keras.Model:
    """Build three convolutions of decreasing width on the gray image.

    Args:
        classes: number of classes.
        weights: not used; all builders have the same arguments.

    Returns:
        Model from pixels (batch, 48, 48, 1), 0..255, to probabilities (batch, classes), float32.
    """
    pixels = make_pixel_input()
    return keras.Model(pixels, _three_blocks(scale_to_unit()(pixels), classes), name="cnn_gray")


def build_cnn_rgb(classes: int, weights: Path | None = None) -> keras.Model:
    """Build the network of `build_cnn_gray` on the gray channel repeated three times; same arguments and result."""
    pixels = make_pixel_input()
    return keras.Model(pixels, _three_blocks(_unit_rgb(pixels), classes), name="cnn_rgb")


def build_cnn_2(classes: int, weights: Path | None = None) -> keras.Model:
    """Build three 3x3 convolutions, two at full resolution, and one BatchNorm; otherwise like `build_cnn_gray`."""
    pixels = make_pixel_input()
    features = _leaky_convolution(_unit_rgb(pixels), 256)
    features = _leaky_convolution(features, 64)
    features = _pool_and_drop(features)
    features = _leaky_convolution(features, 32)
    features = _pool_and_drop(features)
    features = layers.BatchNormalization()(features)
    return keras.Model(pixels, _classify(features, (64, 32, 16), classes), name="cnn_2")


def build_cnn_3(classes: int, weights: Path | None = None) -> keras.Model:
    """Build five 3x3 convolutions with one pooling, the notebook's best; otherwise like `build_cnn_gray`."""
    pixels = make_pixel_input()
    features = _leaky_convolution(_unit_rgb(pixels), 256)
    features = _leaky_convolution(features, 64)
    features = _pool_and_drop(features)
    for filters in (64, 32, 32):
        features = _leaky_convolution(features, filters)
    return keras.Model(pixels, _classify(features, (64, 32, 16), classes), name="cnn_3")


def _unit_rgb(pixels: keras.KerasTensor) -> keras.KerasTensor:
    return GrayToRgb(name="gray_to_rgb")(scale_to_unit()(pixels))


def _three_blocks(features: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    for filters, kernel in ((256, 5), (64, 3), (32, 3)):
        features = layers.Conv2D(filters, kernel, padding="same", activation="relu")(features)
        features = _pool_and_drop(features)
    return _classify(features, (64, 32), classes)


def _leaky_convolution(features: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    features = layers.Conv2D(filters, 3, padding="same", activation="relu")(features)
    return layers.LeakyReLU(LEAKY_SLOPE)(features)


def _pool_and_drop(features: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Dropout(0.25)(layers.MaxPooling2D()(features))


def _classify(features: keras.KerasTensor, widths: tuple[int, ...], classes: int) -> keras.KerasTensor:
    features = layers.Flatten()(features)
    for width in widths:
        features = layers.Dense(width, activation="relu")(features)
    return make_probabilities(classes)(features)
