"""Package a trained network as an MLflow model that loads without this repository."""

import importlib.metadata
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from data.base.labels import CLASSES, IMAGE_SIZE
from data.base.paths import PROJECT_ROOT

NETWORK_ARTIFACT = "network"
"""Name of the saved network among the model's artifacts; models/registry/served_model.py asks for it."""

SERVED_SOURCES = (
    "models/__init__.py",
    "models/networks/__init__.py",
    "models/networks/layers.py",
    "data/__init__.py",
    "data/base/__init__.py",
    "data/base/labels.py",
)
"""What loading a network takes of this project: its layers, and what they import."""

SERVED_PACKAGES = ("mlflow", "tensorflow", "keras", "numpy")


def save_package(network: Path, path: Path, run_id: str, model_id: str) -> None:
    """Write an MLflow model, from uint8 (-1, 48, 48, 1) pixels to float32 (-1, 4) probabilities; needs no TensorFlow.

    Args:
        network: the saved Keras model.
        path: the directory to write.
        run_id: of the MLflow run that the model belongs to.
        model_id: of the logged model.
    """
    from mlflow import pyfunc
    from mlflow.models import Model

    with _served_sources() as sources:
        pyfunc.save_model(
            path=str(path),
            mlflow_model=Model(artifact_path="model", run_id=run_id, model_uuid=model_id, model_id=model_id),
            python_model=str(PROJECT_ROOT / "models" / "registry" / "served_model.py"),
            artifacts={NETWORK_ARTIFACT: str(network)},
            code_paths=[str(source) for source in sources],
            signature=make_signature(),
            input_example=make_input_example(),
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in SERVED_PACKAGES],
        )


def make_signature() -> Any:
    """Return the MLflow signature that all variants share."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    pixels = TensorSpec(np.dtype(np.uint8), (-1, IMAGE_SIZE, IMAGE_SIZE, 1), name=None)
    probabilities = TensorSpec(np.dtype(np.float32), (-1, len(CLASSES)), name=None)
    return ModelSignature(inputs=Schema([pixels]), outputs=Schema([probabilities]))


def make_input_example() -> np.ndarray:
    """Return one picture, uint8 (1, 48, 48, 1): a ramp of gray, since a data set's faces are not ours to hand on."""
    ramp = np.linspace(0, 255, IMAGE_SIZE).astype(np.uint8)
    return np.tile(ramp, (IMAGE_SIZE, 1))[None, :, :, None]


@contextmanager
def _served_sources() -> Iterator[list[Path]]:
    """Hold a folder with the sources that a packaged model needs, laid out as in the project."""
    with TemporaryDirectory(prefix="emotion-served-") as folder:
        for name in SERVED_SOURCES:
            copy = Path(folder) / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT_ROOT / name, copy)
        yield sorted(Path(folder).iterdir())
