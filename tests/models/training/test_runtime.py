"""The runtime of a child: what a person set for Keras elsewhere changes no network."""

import json
import os
import subprocess
import sys

from data.base.paths import PROJECT_ROOT

BUILD = """
import numpy as np
from models.training.runtime import ignore_keras_settings
import keras
print(keras.config.image_data_format(), keras.config.floatx())
ignore_keras_settings()
from data.base.data_format import SEED_FORMAT
from models.networks.compact import build_compact
network = build_compact(SEED_FORMAT)
print(network.compute_dtype, network(np.zeros((2, 48, 48, 1), "uint8")).shape)
"""


def test_settings_of_a_user_are_ignored(tmp_path):
    (tmp_path / ".keras").mkdir()
    foreign = {"floatx": "float16", "image_data_format": "channels_first", "epsilon": 0.1, "backend": "torch"}
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps(foreign))
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_HOME"}
    environment |= {"HOME": str(tmp_path), "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
    built = subprocess.run(
        [sys.executable, "-c", BUILD],
        env=environment,
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = built.stdout.split("\n")
    assert lines[0] == "channels_first float16", built.stderr[-500:]
    assert lines[1] == "float32 (2, 4)"
