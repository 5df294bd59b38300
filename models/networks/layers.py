"""Keras layers of the project: preprocessing of raw pixels, wrappers of networks, and votes.

Saved models contain them by their registered names, so a name must not change.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)
"""Channel means of ImageNet, to subtract from the input of VGG's weights. Source: Simonyan and Zisserman, 2014."""


LUMA_RGB = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in the luma. Source: ITU-R BT.601."""


class _FloatLayer(keras.layers.Layer):
    """A layer that computes in float32 under every precision policy, because pixels lose detail in 16 bits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})


@keras.saving.register_keras_serializable(package="emotion")
class StandardizeImages(_FloatLayer):
    """Give each image mean 0 and standard deviation 1, which removes differences of brightness and contrast.

    The deviation is at least one divided by the root of the number of pixels, so a blank image becomes zeros.
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
    """Repeat the gray channel three times."""

    def call(self, pixels: Any) -> Any:
        """Return (batch, height, width, 3) from (batch, height, width, 1), values unchanged."""
        return ops.repeat(pixels, 3, axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with three channels."""
        return (*input_shape[:-1], 3)


@keras.saving.register_keras_serializable(package="emotion")
class RgbToGray(_FloatLayer):
    """Weigh the three channels as the luma of ITU-R BT.601, as Pillow does."""

    def call(self, pixels: Any) -> Any:
        """Return (batch, height, width, 1) from (batch, height, width, 3), in the same range."""
        weights = ops.convert_to_tensor(LUMA_RGB, dtype="float32")
        return ops.sum(pixels * weights, axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with one channel."""
        return (*input_shape[:-1], 1)


@keras.saving.register_keras_serializable(package="emotion")
class SubtractImagenetMean(_FloatLayer):
    """Turn RGB into BGR without the channel means, as VGG16's published weights expect."""

    def call(self, pixels: Any) -> Any:
        """Return (batch, height, width, 3) in BGR order with ImageNet's means subtracted, from RGB in 0..255."""
        return ops.subtract(ops.flip(pixels, axis=-1), ops.convert_to_tensor(IMAGENET_MEAN_BGR, dtype="float32"))


@keras.saving.register_keras_serializable(package="emotion")
class Backbone(keras.layers.Wrapper):
    """Wrap a pretrained network, as `layer`, that always runs in inference mode.

    A model in training mode passes this mode to every model inside it, even to one that was built with training=False;
    this layer prevents that. BatchNorm statistics stay as published and drop-connect stays off, even if the weights of
    the network are trainable.
    """

    def call(self, pixels: Any) -> Any:
        """Return the network's feature map (batch, height, width, channels)."""
        return self.layer(pixels, training=False)


@keras.saving.register_keras_serializable(package="emotion")
class Block(keras.layers.Wrapper):
    """Wrap a part of a network that has branches, as `layer`, so that the whole network stays a chain of layers."""

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return the part's feature map (batch, height, width, channels)."""
        return self.layer(features, training=training)


@keras.saving.register_keras_serializable(package="emotion")
class FlipVote(keras.layers.Wrapper):
    """Wrap a network, as `layer`, and average its probabilities over copies of an image, half of them mirrored.

    Args:
        layer: from pixels (batch, height, width, channels) to probabilities.
        shift_pixels: 0 for two copies, the image and its mirror image; otherwise four copies, shifted by so many pixels
            up, down, left and right, with repeated edge pixels.
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
        """Return by how much each copy is shifted down and right; every second copy is mirrored."""
        far = self.shift_pixels
        return [(-far, 0), (far, 0), (0, -far), (0, far)] if far else [(0, 0), (0, 0)]

    def call(self, pixels: Any, training: bool | None = None) -> Any:
        """Return (batch, classes), 0..1, from pixels (batch, height, width, channels)."""
        # One after the other: one batch of all copies is faster for a single image, but needs over twice the memory.
        answers = [
            self.layer(_copy(pixels, down, right, mirrored=number % 2 == 1), training=training)
            for number, (down, right) in enumerate(self._shifts)
        ]
        return sum(answers[1:], start=answers[0]) / self.passes

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {**super().get_config(), "shift_pixels": self.shift_pixels}


def _copy(pixels: Any, down: int, right: int, *, mirrored: bool) -> Any:
    """Shift pixels (batch, height, width, channels) with a repeated edge, and mirror them if asked to."""
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
        """Return the mean (batch, classes), 0..1, of a list of such probabilities, one item per network."""
        weighted = [count / sum(self.votes) * answer for count, answer in zip(self.votes, answers, strict=True)]
        return sum(weighted[1:], start=weighted[0])

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Return the shape of one network's probabilities."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {**super().get_config(), "votes": self.votes}
