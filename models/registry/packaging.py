"""MLflow package of a trained network, which loads without this repository."""

import importlib.metadata
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from data.base.data_format import DataFormat
from data.base.paths import PROJECT_ROOT

NETWORK_ARTIFACT = "network"
"""Name of the saved network among the artifacts of the model; models/registry/served_model.py asks for it."""

SERVED_MODEL = PROJECT_ROOT / "models" / "registry" / "served_model.py"

LAYERS = PROJECT_ROOT / "models" / "networks" / "layers.py"

LAYERS_NAME = "emotion_layers.py"
"""File name of the layers in the package. MLflow puts the folder with this file first on `sys.path` of each process
that loads the model, so the folder holds no module whose name another project may use, such as `models` or `data`."""

SERVED_PACKAGES = ("mlflow", "tensorflow", "keras", "numpy")


def save_package(network: Path, path: Path, run_id: str, model_id: str, data_format: DataFormat) -> None:
    """Write an MLflow model, from uint8 pixels to float32 probabilities, without TensorFlow.

    Args:
        network: saved Keras model.
        path: directory to write.
        run_id: id of the MLflow run that the model belongs to.
        model_id: id of the logged model.
        data_format: of the images that it was trained on.
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
            signature=make_signature(data_format),
            input_example=make_input_example(data_format),
            metadata=describe_format(data_format),
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in SERVED_PACKAGES],
        )
    _forget_host(path)


def _forget_host(path: Path) -> None:
    """Replace the paths of this host in the description of a package by those inside the package."""
    from mlflow.models import Model

    model = Model.load(str(path))
    loaded = model.flavors["python_function"]
    network = loaded["artifacts"][NETWORK_ARTIFACT]
    network["uri"] = network["path"]
    loaded["model_code_path"] = Path(loaded["model_code_path"]).name
    model.save(str(path / "MLmodel"))


def describe_format(data_format: DataFormat) -> dict[str, Any]:
    """Describe the images and the order of the labels, for the metadata of the MLflow model."""
    return data_format.model_dump(mode="json", include={"labels", "height", "width", "channels"})


def make_signature(data_format: DataFormat) -> Any:
    """Describe input and output as an MLflow signature: the shape of the images, and the number of classes."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    pixels = TensorSpec(np.dtype(np.uint8), (-1, *data_format.shape), name=None)
    probabilities = TensorSpec(np.dtype(np.float32), (-1, len(data_format.labels)), name=None)
    return ModelSignature(inputs=Schema([pixels]), outputs=Schema([probabilities]))


def make_input_example(data_format: DataFormat) -> np.ndarray:
    """Make one picture, uint8 (1, height, width, channels): a ramp, because faces must not be passed on."""
    ramp = np.linspace(0, 255, data_format.width).astype(np.uint8)
    return np.broadcast_to(ramp[:, None], (1, *data_format.shape)).copy()
