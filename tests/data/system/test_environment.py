"""The environment: loopback goes past every proxy, and there is always a home directory."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from data.base.paths import PROJECT_ROOT
from data.system.environment import bypass_proxy, ensure_home

ASK = """
import sys
from data.system.environment import prepare_environment
prepare_environment()
import httpx, requests
print(requests.get(sys.argv[1], timeout=5).text, httpx.get(sys.argv[1], timeout=5).text)
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "127.0.0.1,localhost,::1"),
        ({"no_proxy": "corp.example, 127.0.0.1"}, "corp.example,127.0.0.1,localhost,::1"),
        ({"NO_PROXY": "a", "no_proxy": "b,a"}, "a,b,127.0.0.1,localhost,::1"),
    ],
)
def test_loopback_is_added_to_the_exceptions(before, after):
    environment = dict(before)
    bypass_proxy(environment)
    bypass_proxy(environment)
    assert environment == {"NO_PROXY": after, "no_proxy": after}


class Answer(BaseHTTPRequestHandler):
    """Answers every request."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here")

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def test_both_clients_reach_this_machine_whatever_proxy_is_set():
    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    dead = "http://127.0.0.1:9"
    proxies = {"http_proxy": dead, "https_proxy": dead, "HTTP_PROXY": dead, "ALL_PROXY": dead}
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()} | proxies
    asked = subprocess.run(
        [sys.executable, "-c", ASK, f"http://127.0.0.1:{server.server_port}/"],
        env=environment,
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    server.shutdown()
    assert asked.stdout.split() == ["here", "here"], asked.stderr[-500:]


def test_a_user_without_a_home_gets_a_private_one(tmp_path, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    # Removing this user's entry from the system would need another machine.
    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    environment = {}
    ensure_home(environment)
    home = Path(environment["HOME"])
    assert home.parent == tmp_path and home.stat().st_mode & 0o777 == 0o700
    home.rmdir()
    home.symlink_to(tmp_path)
    with pytest.raises(PermissionError, match="set HOME"):
        ensure_home({})


def test_a_home_that_exists_stays():
    environment = {}
    ensure_home(environment)
    assert environment == {}
