from uuid import uuid4

import pytest

from data.shared_store.objects import ObjectStore
from tests.support.gcs_server import GCS_BUCKET, gcs_server
from tests.support.s3_server import BUCKET, s3_server


@pytest.fixture(scope="session")
def s3():
    """Variables of a running store."""
    with s3_server() as variables:
        yield variables


@pytest.fixture(scope="session")
def gs():
    """Variables of a running store with the protocol of Google Cloud Storage."""
    with gcs_server() as variables:
        yield variables


@pytest.fixture(params=["s3", "file"])
def url(request, tmp_path, monkeypatch):
    """Address of an empty store of each kind; a test may ask for "gs" too, whose server knows less."""
    if request.param == "file":
        return f"file://{tmp_path / 'store'}"
    for name, value in request.getfixturevalue(request.param).items():
        monkeypatch.setenv(name, value)
    return f"{request.param}://{GCS_BUCKET if request.param == 'gs' else BUCKET}/{uuid4().hex}"


@pytest.fixture
def store(url):
    """An empty store of each kind."""
    return ObjectStore(url, wait_seconds=5)
