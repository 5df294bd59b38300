"""LiteRT (.tflite), the format for phones and small devices: in float32, and in int8.

Both are made from the SavedModel: a conversion from the Keras model in memory fails with Keras 3 (tensorflow#62989).
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np

from models.export.packages import require_package

FACTS_FILE, LABELS_FILE = "metadata.json", "labels.txt"
"""Files in the archive at the end of a .tflite file. Source: TensorFlow Lite, "Adding metadata": associated files."""

FLOAT_OPERATIONS = [
    "MEAN",
    "SUB",
    "SQUARED_DIFFERENCE",
    "SQUARE",
    "SQRT",
    "RSQRT",
    "MAXIMUM",
    "DIV",
    "MUL",
    "LOG",
    "SOFTMAX",
]
"""Operations that stay in float32 in int8: those of the preprocessing, the output and the vote. They take next to no
time, and in 8 bits the deviation of an image of one colour is 0, so that dividing by it stops the interpreter."""


def write_litert(saved_model: Path, path: Path, facts: Mapping[str, str]) -> None:
    """Write a network as LiteRT in float32.

    Args:
        saved_model: its SavedModel.
        path: file to write, ending in .tflite.
        facts: stored in an archive at the end of the file, with the labels one a line.
    """
    path.write_bytes(_converter(saved_model).convert())
    _append(path, facts)


def write_litert_int8(saved_model: Path, path: Path, facts: Mapping[str, str], images: np.ndarray) -> None:
    """Write a network as LiteRT in int8: weights and convolutions; input, output and preprocessing stay float32.

    Args:
        saved_model: its SavedModel.
        path: file to write, ending in .tflite.
        facts: see `write_litert`.
        images: train images that the ranges of all values are measured on, float32 (n, height, width, channels).
    """
    import tensorflow as tf

    converter = _converter(saved_model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[np.newaxis]] for image in images)
    kept = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=FLOAT_OPERATIONS)
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=converter.representative_dataset, debug_options=kept
    )  # the converter alone has no way to keep operations in float32
    path.write_bytes(debugger.get_nondebug_quantized_model())
    _append(path, facts)


def load_litert(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Load a .tflite file with one thread; returns the function from pixels to probabilities.

    Raises:
        PipelineError: LiteRT's runtime is missing.
    """
    runtime: Any = require_package("ai_edge_litert.interpreter")
    interpreter = runtime.Interpreter(str(path), num_threads=1)
    source, target = (interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"])
    interpreter.allocate_tensors()
    prepared = tuple(interpreter.get_input_details()[0]["shape"])

    def predict(pixels: np.ndarray) -> np.ndarray:
        nonlocal prepared
        if pixels.shape != prepared:  # the file is made for one image
            interpreter.resize_tensor_input(source, pixels.shape)
            interpreter.allocate_tensors()
            prepared = pixels.shape
        interpreter.set_tensor(source, pixels)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return predict


def read_facts(path: Path) -> dict[str, str]:
    """Read the facts at the end of a .tflite file."""
    with ZipFile(path) as archive:
        return json.loads(archive.read(FACTS_FILE))


def _converter(saved_model: Path) -> Any:
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_saved_model(str(saved_model))


def _append(path: Path, facts: Mapping[str, str]) -> None:
    """Append the facts as an archive, as LiteRT's own tools do; the same facts give the same bytes."""
    texts = {FACTS_FILE: json.dumps(facts, indent=1), LABELS_FILE: "\n".join(json.loads(facts["labels"]))}
    with ZipFile(path, "a") as archive:
        for name, text in texts.items():
            archive.writestr(ZipInfo(name), text)
