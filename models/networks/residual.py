"""Large network of the project: pre-activation residual blocks at 24x24, 12x12 and 6x6."""

from pathlib import Path

import keras
from keras import layers

from data.base.data_format import DataFormat
from models.networks.building_blocks import (
    count_halvings,
    make_convolution,
    make_normalization,
    make_pixel_input,
    make_probabilities,
)
from models.networks.layers import Block, StandardizeImages

WIDTHS = (64, 128, 192)
BLOCKS_PER_STAGE = 2


def build_residual(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build a residual CNN of 12 convolutions in blocks and 200 million multiply-adds per image.

    As in `models.networks.compact`, the first convolution halves the image, because elementwise layers at 48x48 are
    expensive on a CPU; larger images are halved further.

    Args:
        data_format: labels of the data set, and shape of its images.
        weights: not used; all builders have the same arguments.

    Returns:
        Model from pixels (batch, height, width, channels), 0..255, to probabilities (batch, classes), float32.

    Source: He et al. 2016, "Identity Mappings in Deep Residual Networks".
    """
    pixels = make_pixel_input(data_format.shape)
    features = StandardizeImages(name="standardize_images")(pixels)
    features = make_convolution(WIDTHS[0], kernel=5, strides=2)(features)
    for _ in range(count_halvings(data_format)):
        features = layers.MaxPooling2D()(features)
    for stage, filters in enumerate(WIDTHS, start=1):
        for number in range(1, BLOCKS_PER_STAGE + 1):
            strides = 2 if stage > 1 and number == 1 else 1
            features = _make_block(features.shape[1:], filters, strides, f"block_{stage}_{number}")(features)
    features = layers.ReLU()(make_normalization()(features))
    features = layers.GlobalAveragePooling2D()(features)
    features = layers.Dropout(0.3)(features)
    return keras.Model(pixels, make_probabilities(data_format)(features), name="residual")


def _make_block(shape: tuple[int, ...], filters: int, strides: int, name: str) -> Block:
    entered = keras.Input(shape)
    activated = layers.ReLU()(make_normalization()(entered))
    shortcut = entered
    if strides > 1 or shape[-1] != filters:
        pooled = layers.AveragePooling2D(strides, padding="same")(activated) if strides > 1 else activated
        shortcut = make_convolution(filters, kernel=1)(pooled)
    features = make_convolution(filters, strides=strides)(activated)
    features = make_convolution(filters)(layers.ReLU()(make_normalization()(features)))
    return Block(keras.Model(entered, layers.Add()([shortcut, features])), name=name)
