"""The model that MLflow keeps and serves: a trained network behind MLflow's pyfunc interface.

MLflow copies this file and the few sources that loading a network takes beside the network, and runs the copy, so it
imports nothing of the project but the layers, and TensorFlow only once a network is loaded.
"""

from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class EmotionModel(PythonModel):
    """A classifier of faces, from raw pixels to probabilities."""

    def load_context(self, context: Any) -> None:
        """Load the network from the model's artifacts."""
        import keras

        from models import layers  # noqa: F401 - registers the project's own layers with Keras

        self.network: Any = keras.saving.load_model(context.artifacts["network"], compile=False)

    def predict(self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None) -> np.ndarray:
        """Return the probabilities of each face.

        Args:
            context: MLflow's; not used.
            model_input: uint8 (n, 48, 48, 1), 0..255.
            params: MLflow's; there are none.

        Returns:
            float32 (n, 4), 0..1, columns in the order of `data.classes.CLASSES`.
        """
        return np.asarray(self.network.predict(model_input, batch_size=256, verbose=0), np.float32)


set_model(EmotionModel())
