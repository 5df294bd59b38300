"""The review page in this process, on a free port."""

import threading
from contextlib import contextmanager

import httpx

from flows.service.review_site import make_server
from flows.service.serve_site import Place
from serving.review.desk import Desk
from tests.support.served import wait_for


@contextmanager
def reviewed(workspace, secrets=()):
    """Serve the page of a workspace until the block ends; yields a client."""
    server = make_server(Desk(workspace), Place("127.0.0.1", 0, secrets))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_for(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(20)
