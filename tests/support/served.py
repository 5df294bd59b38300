"""The champion's web service in this process, on a free port."""

import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

from flows.service.serve_site import Place, make_server
from serving.web.app import Service
from serving.web.champion import ChampionFollower, Found
from serving.web.limits import ServeLimits

START_SECONDS = 30


class Registry:
    """A registry whose champion a test moves; each version is loaded by `load`."""

    def __init__(self, load, version=1):
        self.version, self.export, self.load, self.fault = version, Path("export"), load, None

    def find(self):
        if self.fault:
            raise self.fault
        return Found(self.version, self.export)

    def follower(self):
        return ChampionFollower("shade", self.find, lambda export, version: self.load(version))


@contextmanager
def served(load, limits=ServeLimits(), log=None, secrets=(), registry=None, may_fetch=False, feedback=None):
    """Serve until the block ends; yields a client that has `service` and `registry`."""
    registry = registry or Registry(load)
    service = Service(registry.follower(), limits, log, may_fetch, feedback)
    server = make_server(service, Place("127.0.0.1", 0, secrets))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_for(lambda: server.started and bool(registry.version == 0 or service.follower.current))
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            client.service, client.registry, client.port = service, registry, port
            yield client
    finally:
        server.should_exit = True
        thread.join(20)


def wait_for(condition, seconds=START_SECONDS):
    """Wait for a condition, and fail if it does not become true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
