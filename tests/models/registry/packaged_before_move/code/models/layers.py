"""Preprocessing as Keras layers, so that a saved model takes raw pixels wherever it runs."""

from typing import Any

import keras
import numpy as np
from keras import ops

from data.classes import IMAGE_SIZE

IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)
"""Channel means of ImageNet that VGG's published weights expect subtracted. Source: Simonyan and Zisserman, 2014."""


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
    """Return a convolution of the project's own networks: a BatchNorm follows it or came before, so it has no bias."""
    return keras.layers.Conv2D(
        filters, kernel, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal"
    )


def make_normalization() -> keras.layers.BatchNormalization:
    """Return a BatchNorm that keeps up at a few hundred steps an epoch; at Keras' momentum of .99 it lags behind."""
    return keras.layers.BatchNormalization(momentum=0.9)


def scale_to_unit() -> keras.layers.Rescaling:
    """Return a layer that maps pixels from 0..255 to 0..1."""
    return keras.layers.Rescaling(1 / 255, dtype="float32", name="scale_to_unit")


def scale_to_signed() -> keras.layers.Rescaling:
    """Return a layer that maps pixels from 0..255 to -1..1, as ResNet50V2's published weights expect."""
    return keras.layers.Rescaling(1 / 127.5, offset=-1, dtype="float32", name="scale_to_signed")


class _FloatLayer(keras.layers.Layer):
    """A layer that computes in float32 under every precision policy: pixels lose detail in 16 bits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})


@keras.saving.register_keras_serializable(package="emotion")
class StandardizeImages(_FloatLayer):
    """Give each image mean 0 and standard deviation 1, whatever its light and contrast.

    The deviation is bounded below by one over the root of the number of pixels, so a blank image becomes zeros.
    """

    def call(self, pixels: Any) -> Any:
        """Return float32 (batch, height, width, channels), standardised over the last three axes."""
        axes = (1, 2, 3)
        centered = pixels - ops.mean(pixels, axis=axes, keepdims=True)
        deviation = ops.sqrt(ops.mean(ops.square(centered), axis=axes, keepdims=True))
        floor = ops.rsqrt(ops.cast(ops.prod(pixels.shape[1:]), "float32"))
        return centered / ops.maximum(deviation, floor)


@keras.saving.register_keras_serializable(package="emotion")
class GrayToRgb(_FloatLayer):
    """Stack the one gray channel three times."""

    def call(self, pixels: Any) -> Any:
        """Return (batch, height, width, 3) from (batch, height, width, 1), values unchanged."""
        return ops.repeat(pixels, 3, axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with three channels."""
        return (*input_shape[:-1], 3)


@keras.saving.register_keras_serializable(package="emotion")
class SubtractImagenetMean(_FloatLayer):
    """Turn RGB into the mean-free BGR that VGG16's published weights expect."""

    def call(self, pixels: Any) -> Any:
        """Return (batch, height, width, 3) in BGR order with ImageNet's means subtracted, from RGB in 0..255."""
        return ops.subtract(ops.flip(pixels, axis=-1), ops.convert_to_tensor(IMAGENET_MEAN_BGR, dtype="float32"))


@keras.saving.register_keras_serializable(package="emotion")
class Backbone(keras.layers.Wrapper):
    """Hold a pretrained network, as `layer`, that always runs in inference mode.

    A model called for training hands that mode to every model inside it, even to one that was built with
    training=False; this layer stops it. BatchNorm statistics stay as published and drop-connect stays off, also where
    the network's weights are made trainable.
    """

    def call(self, pixels: Any) -> Any:
        """Return the network's feature map (batch, height, width, channels)."""
        return self.layer(pixels, training=False)


@keras.saving.register_keras_serializable(package="emotion")
class Block(keras.layers.Wrapper):
    """Hold a part of a network that has branches, as `layer`, so that the network stays a row of layers."""

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return the part's feature map (batch, height, width, channels)."""
        return self.layer(features, training=training)


@keras.saving.register_keras_serializable(package="emotion")
class FlipVote(keras.layers.Wrapper):
    """Hold a network, as `layer`, and answer with its mean over copies of an image, half of them mirrored.

    Args:
        layer: from pixels (batch, height, width, channels) to probabilities.
        shift_pixels: 0 for two copies, the image and its mirror image; else four, shifted so far up, down, left and
            right, edge pixels repeated.
    """

    def __init__(self, layer: keras.layers.Layer, shift_pixels: int = 0, **options: Any) -> None:
        super().__init__(layer, **options)
        self.shift_pixels = shift_pixels

    @property
    def passes(self) -> int:
        """Return how often the network runs for one image."""
        return len(self._shifts)

    @property
    def _shifts(self) -> list[tuple[int, int]]:
        """Return how far down and right each copy lies; every second one is mirrored."""
        far = self.shift_pixels
        return [(-far, 0), (far, 0), (0, -far), (0, far)] if far else [(0, 0), (0, 0)]

    def call(self, pixels: Any, training: bool | None = None) -> Any:
        """Return (batch, classes), 0..1, from pixels (batch, height, width, channels)."""
        # One after the other: as one batch of copies they take less time for one image, and more than twice the memory.
        answers = [
            self.layer(_copy(pixels, down, right, mirrored=number % 2 == 1), training=training)
            for number, (down, right) in enumerate(self._shifts)
        ]
        return sum(answers[1:], start=answers[0]) / self.passes

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {**super().get_config(), "shift_pixels": self.shift_pixels}


def _copy(pixels: Any, down: int, right: int, *, mirrored: bool) -> Any:
    """Return pixels (batch, height, width, channels) moved by whole pixels, their edge repeated, and mirrored."""
    for axis, shift in ((1, down), (2, right)):
        if shift:
            size = pixels.shape[axis]
            pixels = ops.take(pixels, np.clip(np.arange(size) - shift, 0, size - 1), axis=axis)
    return ops.flip(pixels, axis=2) if mirrored else pixels


@keras.saving.register_keras_serializable(package="emotion")
class Vote(_FloatLayer):
    """Average several networks' probabilities.

    Args:
        votes: how often each network counts.
    """

    def __init__(self, votes: list[int], **options: Any) -> None:
        super().__init__(**options)
        self.votes = list(votes)

    def call(self, answers: list[Any]) -> Any:
        """Return (batch, classes), 0..1, from a list of such, one a network."""
        weighted = [count / sum(self.votes) * answer for count, answer in zip(self.votes, answers, strict=True)]
        return sum(weighted[1:], start=weighted[0])

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Return the shape of one network's probabilities."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {**super().get_config(), "votes": self.votes}
