"""Grad-CAM: heatmaps of the places in an image that a prediction depends on, and the choice of faces to explain.

TensorFlow is imported inside the functions that need it.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from data.base.errors import PipelineError

if TYPE_CHECKING:
    import keras


MIN_MAP_SIDE = 3
"""Feature maps with a smaller height or width do not show places in the image."""

BATCH_IMAGES = 64


def explain_images(model: "keras.Model", images: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Compute, for each image, a heatmap of the evidence for the class that the model predicts (Grad-CAM).

    Args:
        model: a variant, built or loaded: a chain of layers, which may be backbones and blocks.
        images: pixels (n, height, width, channels), 0..255, uint8 or float.

    Returns:
        Heatmaps (n, height, width), float32, 0..1; the maximum of each is 1, or 0 without evidence for the class.

    Raises:
        PipelineError: the model is not a chain that ends in a Dense layer, or has no feature map to explain.

    Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks", 2017.
    """
    explain = _make_explainer(model)
    batches = [explain(images[start : start + BATCH_IMAGES]) for start in range(0, len(images), BATCH_IMAGES)]
    if not batches:
        return np.zeros((0, *images.shape[1:3]), np.float32)
    return np.concatenate(batches)


def pick_examples(labels: npt.ArrayLike, seed: int, per_class: int = 1) -> npt.NDArray[np.int64]:
    """Choose a few images of each class; the choice depends only on labels and seed, so all variants share it.

    Args:
        labels: label of each image (n,).
        seed: of the choice.
        per_class: how many of each class; all images of a class that has fewer.

    Returns:
        Positions in `labels`, by class and then ascending; fewer for each class are a part of more.
    """
    known = np.asarray(labels)
    generator = np.random.default_rng(seed)
    chosen = [np.empty(0, np.int64)]
    for label in np.unique(known):
        positions = generator.permutation(np.flatnonzero(known == label))
        chosen.append(np.sort(positions[:per_class]))
    return np.concatenate(chosen)


def average_heatmaps(heatmaps: npt.NDArray[Any], labels: npt.ArrayLike, classes: int) -> npt.NDArray[np.float32]:
    """Average the heatmaps of each class.

    Args:
        heatmaps: (n, height, width), 0..1.
        labels: class of each image (n,).
        classes: number of classes.

    Returns:
        (classes, height, width), float32, 0..1; all 0 if a class has no image.
    """
    known = np.asarray(labels)
    means = [heatmaps[known == label].mean(axis=0) if (known == label).any() else None for label in range(classes)]
    blank = np.zeros(heatmaps.shape[1:], np.float32)
    return np.stack([blank if mean is None else mean.astype(np.float32) for mean in means])


def compare_with_shuffled(
    model: "keras.Model", images: npt.NDArray[Any], heatmaps: npt.NDArray[Any], seed: int
) -> npt.NDArray[np.float32]:
    """Compare heatmaps with those of the same network after the values of each weight were shuffled.

    Heatmaps that show what the network has learnt differ from those. The weights of the network are restored at the
    end.

    Args:
        model: a trained variant.
        images: pixels (n, height, width, channels), 0..255.
        heatmaps: maps (n, height, width) of these images by the trained variant.
        seed: of the shuffling.

    Returns:
        Spearman's rank correlation for each image, float32 (m,), -1..1, without images for which a map is constant.

    Source: Adebayo et al., "Sanity Checks for Saliency Maps", 2018, which draws new random weights instead.
    """
    generator, trained = np.random.default_rng(seed), model.get_weights()
    try:
        model.set_weights([generator.permutation(weight.ravel()).reshape(weight.shape) for weight in trained])
        shuffled = explain_images(model, images)
    finally:
        model.set_weights(trained)
    pairs = zip(heatmaps.reshape(len(heatmaps), -1), shuffled.reshape(len(shuffled), -1), strict=True)
    ranked = [np.stack([rankdata(own), rankdata(other)]) for own, other in pairs if np.ptp(own) and np.ptp(other)]
    return np.array([np.corrcoef(ranks)[0, 1] for ranks in ranked], np.float32)


def _make_explainer(model: "keras.Model") -> Any:
    """Return a function from a batch of pixels to heatmaps, with the network split at the feature map."""
    import tensorflow as tf

    before, split, after, last = _split_at_features(model)

    def explain(images: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        pixels = tf.cast(images, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(pixels)  # otherwise nothing is recorded inside a frozen backbone
            features, flow = split(_run(before, pixels))
            flow = tf.cast(_run(after, flow), tf.float32)
            logits = flow @ tf.cast(last.kernel, tf.float32) + tf.cast(last.bias, tf.float32)
            score = tf.reduce_max(logits, axis=1)
        gradients = tf.cast(tape.gradient(score, features), tf.float32)
        weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
        heat = tf.nn.relu(tf.reduce_sum(weights * tf.cast(features, tf.float32), axis=-1, keepdims=True))
        heat = tf.image.resize(heat, images.shape[1:3], method="bilinear")[..., 0].numpy()
        peak = heat.max(axis=(1, 2), keepdims=True)
        return np.divide(heat, peak, out=np.zeros_like(heat), where=peak > 0)

    return explain


def _split_at_features(model: "keras.Model") -> tuple[list[Any], "keras.Model", list[Any], Any]:
    """Split the chain of layers at the feature map to explain: the last one of enough height and width.

    Returns:
        The layers before; a model with two outputs, the feature map and the input of the next layer; the layers after;
        the Dense layer at the end.
    """
    import keras

    _check_chain(model)
    _, *body, last = model.layers
    for index, layer in reversed(list(enumerate(body))):
        network = layer.layer if isinstance(layer, keras.layers.Wrapper) else None
        found = _find_feature_layer(network.layers) if network else None
        if network and found:
            split = keras.Model(network.input, [found.output, network.output])
            return body[:index], split, body[index + 1 :], last
    found = _find_feature_layer(body)
    if found is None:
        raise PipelineError(
            f"Got a model without a convolution of a {MIN_MAP_SIDE} x {MIN_MAP_SIDE} map or larger; Grad-CAM needs one."
        )
    split = keras.Model(model.input, [found.output, found.output])
    return [], split, body[body.index(found) + 1 :], last


def _check_chain(model: "keras.Model") -> None:
    from keras.layers import Dense

    broken = [layer.name for previous, layer in pairwise(model.layers) if layer.input is not previous.output]
    if broken or not isinstance(model.layers[-1], Dense):
        raise PipelineError(
            f"Got a model that ends in {type(model.layers[-1]).__name__} and breaks the chain of layers at "
            f"{broken or 'none'}; expected one layer after the other, the last a Dense. Grad-CAM cannot explain it."
        )


def _find_feature_layer(layers: Sequence[Any]) -> Any:
    """Return the layer whose output is explained, or None.

    In a residual network it is the last sum, which joins all branches. In other networks it is the last convolution,
    together with the normalisation and activation that follow it.
    """
    from keras.layers import Add, Conv2D

    wide = [layer for layer in layers if isinstance(layer, (Add, Conv2D)) and _is_wide(layer)]
    sums = [layer for layer in wide if isinstance(layer, Add)]
    if sums or not wide:
        return sums[-1] if sums else None
    found, *following = layers[layers.index(wide[-1]) :]
    for layer in following:
        if layer.output.shape != found.output.shape:
            break
        found = layer
    return found


def _is_wide(layer: Any) -> bool:
    height, width = layer.output.shape[1:3]
    return min(height, width) >= MIN_MAP_SIDE


def _run(layers: Sequence[Any], values: Any) -> Any:
    for layer in layers:
        values = layer(values)
    return values
