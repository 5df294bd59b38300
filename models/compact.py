"""The project's own first network, sized for 48x48 gray faces and two CPU cores."""

from pathlib import Path

import keras
from keras import layers

from models.layers import StandardizeImages, make_pixel_input, make_probabilities

STEM_FILTERS = 32
STAGES = (64, 128, 256)
"""Filters of the stages after the stem, at 24x24, 12x12 and 6x6."""


def build_compact(classes: int, weights: Path | None = None) -> keras.Model:
    """Build a BatchNorm CNN of 32 million multiply-adds an image.

    The stem is a strided 5x5 convolution: elementwise layers at 48x48 cost a CPU more time than the multiply-adds do,
    so no feature map is kept at that size. Multiply-adds at the sides given: stem 0.5 (24), then 10.6 in each stage
    (24, 12, 6) million.

    Args:
        classes: number of classes.
        weights: not used; every builder takes it.

    Returns:
        Model from pixels (batch, 48, 48, 1), 0..255, to probabilities (batch, classes), float32.
    """
    pixels = make_pixel_input()
    features = StandardizeImages(name="standardize_images")(pixels)
    features = _convolve(features, STEM_FILTERS, kernel=5, strides=2)
    features = _convolve(features, STAGES[0])
    for filters in STAGES[1:]:
        features = _convolve(layers.MaxPooling2D()(features), filters)
    features = layers.GlobalAveragePooling2D()(features)
    features = layers.Dropout(0.3)(features)
    return keras.Model(pixels, make_probabilities(classes)(features), name="compact")


def _convolve(features: keras.KerasTensor, filters: int, kernel: int = 3, strides: int = 1) -> keras.KerasTensor:
    features = layers.Conv2D(
        filters, kernel, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(features)
    # At a few hundred steps an epoch, Keras' momentum of .99 lags behind the weights.
    features = layers.BatchNormalization(momentum=0.9)(features)
    return layers.ReLU()(features)
