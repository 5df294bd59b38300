import pytest

from tests.support.up_command import Up, wait_until


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    """A cold home under `emotion up`, which leaves no process behind."""
    started = Up(tmp_path_factory.mktemp("up") / "workspace")
    wait_until(started.is_ready)
    yield started
    started.end()
    assert started.processes() == []
