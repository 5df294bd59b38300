import pytest

from serving import Predictor
from tests.support.tiny_export import make_export


@pytest.fixture(scope="session")
def export(tmp_path_factory):
    return make_export(tmp_path_factory.mktemp("exports") / "91be04c7aa35de10")


@pytest.fixture(scope="session")
def predictor(export):
    return Predictor.load(export)
