from uuid import uuid4

import pytest

from data.shared_store.objects import ObjectStore
from tests.support.s3_server import BUCKET, s3_server


@pytest.fixture(scope="session")
def s3():
    """Variables of a running store."""
    with s3_server() as variables:
        yield variables


@pytest.fixture(params=["s3", "file"])
def url(request, tmp_path, monkeypatch):
    """Address of an empty store of each kind."""
    if request.param == "file":
        return f"file://{tmp_path / 'store'}"
    for name, value in request.getfixturevalue("s3").items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid4().hex}"


@pytest.fixture
def store(url):
    """An empty store of each kind."""
    return ObjectStore(url, wait_seconds=5)
