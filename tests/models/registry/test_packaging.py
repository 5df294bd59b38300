"""The package of a model says which images it takes and which labels it gives."""

from pathlib import Path

import numpy as np
import pytest
from mlflow.models import Model

from data.base.data_format import SEED_FORMAT, DataFormat
from models.registry.packaging import make_input_example, make_signature, save_package

COLOUR = DataFormat(labels=("no", "yes", "maybe"), height=64, width=80, channels=3)


@pytest.mark.parametrize("data_format", [SEED_FORMAT, COLOUR], ids=["seed", "colour"])
def test_signature_and_metadata_are_those_of_the_format(tmp_path: Path, data_format: DataFormat) -> None:
    network = tmp_path / "model.keras"
    network.touch()
    save_package(network, tmp_path / "package", "run", "m-1", data_format)
    stored = Model.load(str(tmp_path / "package"))
    assert stored.signature == make_signature(data_format)
    assert stored.signature.inputs.inputs[0].shape == (-1, *data_format.shape)
    assert stored.signature.outputs.inputs[0].shape == (-1, len(data_format.labels))
    assert stored.metadata == {
        "labels": list(data_format.labels),
        "height": data_format.height,
        "width": data_format.width,
        "channels": data_format.channels,
    }


@pytest.mark.parametrize("data_format", [SEED_FORMAT, COLOUR], ids=["seed", "colour"])
def test_the_example_is_what_the_signature_asks_for(data_format: DataFormat) -> None:
    example = make_input_example(data_format)
    assert (example.shape, example.dtype) == ((1, *data_format.shape), np.uint8)
    assert (example[0, :, 0] == 0).all() and (example[0, :, -1] == 255).all()
