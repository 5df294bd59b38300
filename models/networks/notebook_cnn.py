"""CNNs of the notebook, layer by layer; the notebook scaled pixels outside of the model, here a layer scales them.

The layers are the notebook's for any size, so their first Dense layer and their cost grow with the area of the image:
at 224x224 they take 22 times as long as at 48x48. Colour images are made gray where the notebook took gray ones.

A LeakyReLU after a convolution with a ReLU does not change its input. The notebook has it, so it stays.
"""

from pathlib import Path

import keras
from keras import layers

from data.base.data_format import DataFormat
from models.networks.building_blocks import as_gray, as_rgb, make_pixel_input, make_probabilities, scale_to_unit

LEAKY_SLOPE = 0.1
"""Slope of every LeakyReLU in the notebook."""


def build_cnn_gray(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build three convolutions of decreasing width on the gray image.

    Args:
        data_format: labels of the data set, and shape of its images.
        weights: not used; all builders have the same arguments.

    Returns:
        Model from pixels (batch, height, width, channels), 0..255, to probabilities (batch, classes), float32.
    """
    pixels = make_pixel_input(data_format.shape)
    return keras.Model(pixels, _three_blocks(as_gray(scale_to_unit()(pixels)), data_format), name="cnn_gray")


def build_cnn_rgb(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build the network of `build_cnn_gray` on the gray channel repeated three times; same arguments and result."""
    pixels = make_pixel_input(data_format.shape)
    return keras.Model(pixels, _three_blocks(_unit_rgb(pixels), data_format), name="cnn_rgb")


def build_cnn_2(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build three 3x3 convolutions, two at full resolution, and one BatchNorm; otherwise like `build_cnn_gray`."""
    pixels = make_pixel_input(data_format.shape)
    features = _leaky_convolution(_unit_rgb(pixels), 256)
    features = _leaky_convolution(features, 64)
    features = _pool_and_drop(features)
    features = _leaky_convolution(features, 32)
    features = _pool_and_drop(features)
    features = layers.BatchNormalization()(features)
    return keras.Model(pixels, _classify(features, (64, 32, 16), data_format), name="cnn_2")


def build_cnn_3(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build five 3x3 convolutions with one pooling, the notebook's best; otherwise like `build_cnn_gray`."""
    pixels = make_pixel_input(data_format.shape)
    features = _leaky_convolution(_unit_rgb(pixels), 256)
    features = _leaky_convolution(features, 64)
    features = _pool_and_drop(features)
    for filters in (64, 32, 32):
        features = _leaky_convolution(features, filters)
    return keras.Model(pixels, _classify(features, (64, 32, 16), data_format), name="cnn_3")


def _unit_rgb(pixels: keras.KerasTensor) -> keras.KerasTensor:
    return as_rgb(scale_to_unit()(pixels))


def _three_blocks(features: keras.KerasTensor, data_format: DataFormat) -> keras.KerasTensor:
    for filters, kernel in ((256, 5), (64, 3), (32, 3)):
        features = layers.Conv2D(filters, kernel, padding="same", activation="relu")(features)
        features = _pool_and_drop(features)
    return _classify(features, (64, 32), data_format)


def _leaky_convolution(features: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    features = layers.Conv2D(filters, 3, padding="same", activation="relu")(features)
    return layers.LeakyReLU(LEAKY_SLOPE)(features)


def _pool_and_drop(features: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Dropout(0.25)(layers.MaxPooling2D()(features))


def _classify(features: keras.KerasTensor, widths: tuple[int, ...], data_format: DataFormat) -> keras.KerasTensor:
    features = layers.Flatten()(features)
    for width in widths:
        features = layers.Dense(width, activation="relu")(features)
    return make_probabilities(data_format)(features)
