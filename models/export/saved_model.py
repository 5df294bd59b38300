"""SavedModel, the format of TensorFlow and TensorFlow Serving."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

EXTRA_ASSETS = Path("assets.extra") / "metadata.json"
"""Place for files that are no part of the graph. Source: TensorFlow, saved_model/README.md."""


def write_saved_model(model: Any, path: Path, facts: Mapping[str, str]) -> None:
    """Write a network as SavedModel.

    Args:
        model: Keras model, float32.
        path: folder to make.
        facts: stored in assets.extra/metadata.json.
    """
    model.export(str(path), format="tf_saved_model", verbose=False)
    extra = path / EXTRA_ASSETS
    extra.parent.mkdir()
    extra.write_text(json.dumps(facts, indent=1), encoding="utf-8")


def load_saved_model(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Load a SavedModel with one thread; returns the function from pixels to probabilities."""
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    network: Any = tf.saved_model.load(str(path))
    return lambda pixels: network.serve(tf.constant(pixels)).numpy()
