"""Small networks of the project, sized for 48x48 gray faces and two CPU cores."""

from pathlib import Path

import keras
from keras import layers

from data.base.data_format import DataFormat
from models.networks.building_blocks import (
    as_rgb,
    count_halvings,
    make_convolution,
    make_normalization,
    make_pixel_input,
    make_probabilities,
)
from models.networks.layers import StandardizeImages

WIDTHS = (32, 96, 160)
"""Filters of the three stages of compact, at 24x24, 12x12 and 6x6, with two convolutions each."""

LIGHT_WIDTHS = (16, 48, 96)
"""Filters of the three stages of light."""


def build_compact(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build a BatchNorm CNN of six convolutions and 35 million multiply-adds per image.

    The first convolution is 5x5 with stride 2, so that no feature map has the size 48x48: on a CPU, elementwise layers
    of that size take more time than the multiply-adds. Images of 68 pixels and more are halved once more, of 136 and
    more twice, so that the stages see maps of about the same size. Millions of multiply-adds by convolution at 48x48:
    0.5 and 5.3 (24x24), 4.0 and 11.9 (12x12), 5.0 and 8.3 (6x6).

    Args:
        data_format: labels of the data set, and shape of its images.
        weights: not used; all builders have the same arguments.

    Returns:
        Model from pixels (batch, height, width, channels), 0..255, to probabilities (batch, classes), float32.
    """
    return _build(WIDTHS, data_format, "compact")


def build_light(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build compact with about half the filters and 10 million multiply-adds; see `build_compact`."""
    return _build(LIGHT_WIDTHS, data_format, "light")


def build_light_rgb(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build light on the gray channel repeated three times; see `build_compact`."""
    return _build(LIGHT_WIDTHS, data_format, "light_rgb", rgb=True)


def build_light_shallow(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build light with one convolution in each stage instead of two; see `build_compact`."""
    return _build(LIGHT_WIDTHS, data_format, "light_shallow", depth=1)


def _build(
    widths: tuple[int, ...], data_format: DataFormat, name: str, depth: int = 2, rgb: bool = False
) -> keras.Model:
    """Build stages of `depth` convolutions with these filters."""
    pixels = make_pixel_input(data_format.shape)
    features = StandardizeImages(name="standardize_images")(pixels)
    features = as_rgb(features) if rgb else features
    for stage, filters in enumerate(widths):
        features = layers.MaxPooling2D()(features) if stage else _convolve(features, filters, kernel=5, strides=2)
        for _ in range(0 if stage else count_halvings(data_format)):
            features = layers.MaxPooling2D()(features)
        for _ in range(depth if stage else depth - 1):
            features = _convolve(features, filters)
    features = layers.GlobalAveragePooling2D()(features)
    features = layers.Dropout(0.2)(features)
    return keras.Model(pixels, make_probabilities(data_format)(features), name=name)


def _convolve(features: keras.KerasTensor, filters: int, kernel: int = 3, strides: int = 1) -> keras.KerasTensor:
    features = make_convolution(filters, kernel, strides)(features)
    return layers.ReLU()(make_normalization()(features))
