"""Pyfunc model that MLflow stores and serves: a trained network from raw pixels to probabilities.

MLflow copies this file and `emotion_layers.py`, a copy of `models/networks/layers.py`, into the stored model and runs
these copies in processes that do not have this project. So this file imports nothing of the project, and it imports
TensorFlow only when a network is loaded.
"""

import importlib
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class EmotionModel(PythonModel):
    """Classifier of faces, from raw pixels to probabilities."""

    def load_context(self, context: Any) -> None:
        """Load the network from the artifacts of the stored model."""
        import keras

        importlib.import_module("emotion_layers")  # registers the project's own layers with Keras
        self.network: Any = keras.saving.load_model(context.artifacts["network"], compile=False)

    def predict(self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None) -> np.ndarray:
        """Predict the class probabilities of each face.

        Args:
            context: given by MLflow; not used.
            model_input: uint8 (n, height, width, channels), 0..255, as the signature says.
            params: given by MLflow; not used.

        Returns:
            float32 (n, classes), 0..1, columns in the order of the labels in the model's metadata.
        """
        return np.asarray(self.network.predict(model_input, batch_size=256, verbose=0), np.float32)


set_model(EmotionModel())
