"""MLflow package of a trained network, which loads without this repository."""

import importlib.metadata
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from data.base.labels import CLASSES, IMAGE_SIZE
from data.base.paths import PROJECT_ROOT

NETWORK_ARTIFACT = "network"
"""Name of the saved network among the artifacts of the model; models/registry/served_model.py asks for it."""

SERVED_MODEL = PROJECT_ROOT / "models" / "registry" / "served_model.py"

LAYERS = PROJECT_ROOT / "models" / "networks" / "layers.py"

LAYERS_NAME = "emotion_layers.py"
"""File name of the layers in the package. MLflow puts the folder with this file first on `sys.path` of each process
that loads the model, so the folder holds no module whose name another project may use, such as `models` or `data`."""

SERVED_PACKAGES = ("mlflow", "tensorflow", "keras", "numpy")


def save_package(network: Path, path: Path, run_id: str, model_id: str) -> None:
    """Write an MLflow model, from uint8 (-1, 48, 48, 1) pixels to float32 (-1, 4) probabilities, without TensorFlow.

    Args:
        network: saved Keras model.
        path: directory to write.
        run_id: id of the MLflow run that the model belongs to.
        model_id: id of the logged model.
    """
    from mlflow import pyfunc
    from mlflow.models import Model

    with TemporaryDirectory(prefix="emotion-served-") as folder:
        layers = shutil.copyfile(LAYERS, Path(folder) / LAYERS_NAME)
        pyfunc.save_model(
            path=str(path),
            mlflow_model=Model(artifact_path="model", run_id=run_id, model_uuid=model_id, model_id=model_id),
            python_model=str(SERVED_MODEL),
            artifacts={NETWORK_ARTIFACT: str(network)},
            code_paths=[str(layers)],
            signature=make_signature(),
            input_example=make_input_example(),
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in SERVED_PACKAGES],
        )


def make_signature() -> Any:
    """Describe the input and output that all variants share as an MLflow signature."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    pixels = TensorSpec(np.dtype(np.uint8), (-1, IMAGE_SIZE, IMAGE_SIZE, 1), name=None)
    probabilities = TensorSpec(np.dtype(np.float32), (-1, len(CLASSES)), name=None)
    return ModelSignature(inputs=Schema([pixels]), outputs=Schema([probabilities]))


def make_input_example() -> np.ndarray:
    """Make one picture, uint8 (1, 48, 48, 1): a gray ramp, because the faces of a data set must not be passed on."""
    ramp = np.linspace(0, 255, IMAGE_SIZE).astype(np.uint8)
    return np.tile(ramp, (IMAGE_SIZE, 1))[None, :, :, None]
