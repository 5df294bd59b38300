"""ONNX, the format of ONNX Runtime."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.export.jobs import INPUT_NAME, OUTPUT_NAME
from models.export.packages import require_package

OPSET = 15
"""Version of the operators: the highest that tf2onnx 1.17 takes from Keras 3.15 without a warning."""


def write_onnx(model: Any, path: Path, facts: Mapping[str, str]) -> None:
    """Write a network as ONNX.

    Args:
        model: Keras model, float32, with the input "pixels".
        path: file to write.
        facts: stored in the file's `metadata_props`.

    Raises:
        PipelineError: a package of the extra `export` is missing.
    """
    onnx: Any = require_package("onnx")
    require_package("tf2onnx")
    model.export(str(path), format="onnx", opset_version=OPSET, verbose=False)
    written = onnx.load(str(path))
    _name_output(written.graph, OUTPUT_NAME)
    onnx.helper.set_model_props(written, dict(facts))
    onnx.checker.check_model(written)
    onnx.save(written, str(path))


def _name_output(graph: Any, name: str) -> None:
    """Rename the one output of a graph, which tf2onnx calls Identity:0."""
    former = graph.output[0].name
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [name if one == former else one for one in names]
    graph.output[0].name = name


def load_onnx(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Load an ONNX file with one thread; returns the function from pixels to probabilities.

    Raises:
        PipelineError: ONNX Runtime is missing.
    """
    runtime: Any = require_package("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run([OUTPUT_NAME], {INPUT_NAME: pixels})[0]
