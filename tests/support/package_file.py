"""Where the package of the extra `lite0` has its file of weights; tests that need it are skipped without the extra."""

import importlib.metadata
from pathlib import Path

import pytest

from models.weights.locate import WEIGHTS_FILES, PackagedWeights


def find_package_file() -> Path:
    """Return PyTorch's file of EfficientNet-Lite0, or skip the test that asks."""
    wanted = WEIGHTS_FILES["efficientnet_lite0"]
    assert isinstance(wanted, PackagedWeights)
    try:
        distribution = importlib.metadata.distribution(wanted.distribution)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"needs {wanted.distribution}, which the lock installs")
    return Path(str(distribution.locate_file(wanted.file)))
