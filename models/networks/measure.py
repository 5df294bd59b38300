"""Measurements of a network: layers, multiply-adds and latency."""

import math
import time
from typing import Any

import keras
import numpy as np

from data.records.training import Latency, LayerRow


def measure_network(network: keras.Model, model: keras.Model) -> dict[str, Any]:
    """Measure size and speed of a saved model, for the fields of `VariantResult` with these names.

    Args:
        network: the trained network, whose layers are listed.
        model: the network as it is saved, which may average over copies of an image.
    """
    return {
        "parameters_total": model.count_params(),
        "parameters_trainable": sum(math.prod(weight.shape) for weight in model.trainable_weights),
        "multiply_adds": count_multiply_adds(model),
        "latency": measure_latency(model),
        "layers": tuple(summarize_layers(network)),
    }


def summarize_layers(model: "keras.Model") -> list[LayerRow]:
    """Describe each layer of the model in a row; a backbone or a block counts as one layer."""
    return [
        LayerRow(
            name=layer.name,
            kind=type(layer).__name__,
            output=" x ".join(str(side) for side in layer.output.shape[1:]),
            parameters=layer.count_params(),
            trainable=bool(layer.trainable_weights),
        )
        for layer in model.layers
    ]


BATCH_IMAGES = 64

WARMUP_CALLS = 2

SINGLE_CALLS = 50

BATCH_CALLS = 3


def count_multiply_adds(model: keras.Model) -> int:
    """Count the multiply-adds of convolutions and dense layers for one image, including backbones and blocks.

    Normalisations, activations and pooling are not counted, because they need only a few operations per value.
    """
    return sum(_layer_multiply_adds(layer) for layer in model.layers)


def _layer_multiply_adds(layer: Any) -> int:
    if isinstance(layer, keras.layers.Wrapper):
        return getattr(layer, "passes", 1) * count_multiply_adds(layer.layer)
    kernel = getattr(layer, "kernel", None)
    if kernel is None:
        return 0
    # Every weight of a kernel is used once at each position of the output; its last axis is the channels.
    return math.prod(kernel.shape) * math.prod(layer.output.shape[1:-1])


def measure_latency(model: keras.Model) -> Latency:
    """Time predictions of blank images, with the threads of this process.

    Args:
        model: from pixels (batch, height, width, channels), 0..255, to probabilities.

    Returns:
        The median time for a single image, and for each image of a batch.
    """
    return Latency(
        single_milliseconds=_median_milliseconds(model, 1, SINGLE_CALLS),
        batched_milliseconds=_median_milliseconds(model, BATCH_IMAGES, BATCH_CALLS) / BATCH_IMAGES,
        batch_images=BATCH_IMAGES,
    )


def _median_milliseconds(model: keras.Model, images: int, calls: int) -> float:
    pixels = np.zeros((images, *model.input_shape[1:]), np.uint8)
    seconds = []
    for _ in range(WARMUP_CALLS + calls):
        started = time.perf_counter()
        model.predict_on_batch(pixels)
        seconds.append(time.perf_counter() - started)
    return 1000 * float(np.median(seconds[WARMUP_CALLS:]))
