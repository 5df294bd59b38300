"""Loader of the function that builds a variant's network."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from data.base.data_format import DataFormat
from data.base.errors import PipelineError

if TYPE_CHECKING:
    import keras

    Builder = Callable[[DataFormat, Path | None], keras.Model]


def load_builder(builder: str) -> "Builder":
    """Import the function that builds a variant; this imports TensorFlow, so call it in a child command only.

    Args:
        builder: "module:function", the `builder` of a variant.

    Returns:
        Function of (format of the data set, weights file or None) that returns the untrained, uncompiled model.

    Raises:
        PipelineError: the function does not exist.
    """
    module, _, function = builder.partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise PipelineError(
            f"Got builder {builder!r}, which cannot be imported ({error}); expected module:function, such as "
            "models.networks.compact:build_compact. Correct it in models/catalog/variants.py, or in your own package."
        ) from error
