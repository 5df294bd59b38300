"""A model that was packaged when its layers were shipped as `models/layers.py` still loads."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from models.networks import layers
from tests.support.consumer import run_consumer

PACKAGE = Path(__file__).parent / "packaged_before_move"

EXPECTED = [
    [0.11246592551469803, 0.7049379944801331, 0.0958530381321907, 0.0867430567741394],
    [0.11279963701963425, 0.7376269102096558, 0.07138419896364212, 0.07818930596113205],
]
"""What the network answered when it was packaged."""


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (2, 48, 48, 1)).astype(np.uint8)


def test_mlflow_scores_it_with_the_code_beside_it(images, tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "package")
    np.save(tmp_path / "images.npy", images)
    script = """
        import json, sys
        import mlflow, numpy as np
        answer = mlflow.pyfunc.load_model("package").predict(np.load("images.npy"))
        print(json.dumps([answer.tolist(), sys.modules["models.layers"].__file__]))
    """
    answer, code = run_consumer(script, tmp_path)
    np.testing.assert_allclose(answer, EXPECTED, atol=1e-6)
    assert Path(code).resolve().is_relative_to(tmp_path.resolve())


def test_keras_loads_its_network_with_the_present_layers(images):
    network = keras.saving.load_model(PACKAGE / "artifacts" / "model.keras", compile=False)
    np.testing.assert_allclose(network.predict(images, verbose=0), EXPECTED, atol=1e-6)
    held = {type(layer) for layer in network._flatten_layers()}
    assert {layers.Vote, layers.FlipVote, layers.Backbone, layers.Block, layers.StandardizeImages} <= held
