"""A real Prefect server and a workspace for the tests of one module."""

import os

import pytest

from flows.server.environment import CLIENT_LOGIN_VARIABLE
from flows.server.shared import prefect_server
from tests.support.emotion_command import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with prefect_server(tmp_path_factory.mktemp("server"), 120) as url:
        yield Server(url, os.environ[CLIENT_LOGIN_VARIABLE])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return tmp_path_factory.mktemp("workspace")
