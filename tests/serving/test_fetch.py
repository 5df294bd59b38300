"""Images from the web: what a server may answer, limits of time and size, and addresses that are refused."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from data.photos.reading import PhotoRefused
from data.sources import addresses
from data.sources.download_settings import DownloadSettings
from serving.fetch import fetch_image

IMAGE = b"\x89PNG\r\n\x1a\n" + b"x" * 5000
SETTINGS = DownloadSettings(timeout_seconds=2, deadline_seconds=0.5, max_bytes=10_000, retries=0)


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        getattr(self, f"send_{self.path.strip('/').partition('?')[0]}", self.send_missing)()

    def start(self, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send_image(self):
        self.start(Content_Type="image/png", Content_Length=str(len(IMAGE)))
        self.wfile.write(IMAGE)

    def send_missing(self):
        self.start(404)

    def send_page(self):
        self.start(Content_Type="text/html; charset=utf-8")
        self.wfile.write(b"<html>")

    def send_announced(self):
        self.start(Content_Length="99999")

    def send_endless(self):
        self.start()
        try:
            while True:
                self.wfile.write(b"x" * 4096)
        except OSError:
            pass

    def send_slow(self):
        self.start()
        try:
            for _ in range(40):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            pass

    def send_circle(self):
        self.start(302, Location="/circle")

    def send_moved(self):
        self.start(302, Location="/image")

    def send_file(self):
        self.start(302, Location="file:///etc/passwd")

    def send_cut(self):
        self.start(Content_Length=str(len(IMAGE)))
        self.wfile.write(IMAGE[:100])

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.parametrize("path", ["image", "moved"])
def test_an_image_arrives_whole(server, path):
    assert fetch_image(f"{server}/{path}", SETTINGS) == IMAGE


@pytest.mark.parametrize(
    ("path", "said", "outcome"),
    [
        ("missing", "answered 404", "unavailable"),
        ("page", "is a web page", "unreadable"),
        ("announced", "99,999 bytes", "too_large"),
        ("endless", "expected at most 10,000", "too_large"),
        ("slow", "took longer", "unavailable"),
        ("circle", "redirects", "unavailable"),
        ("file", "cannot be fetched", "unavailable"),
        ("cut", "cannot be fetched", "unavailable"),
        ("missing?token=verysecret", "token=***", "unavailable"),
    ],
)
def test_another_answer_is_named(server, path, said, outcome):
    started = time.monotonic()
    with pytest.raises(PhotoRefused) as refused:
        fetch_image(f"{server}/{path}", SETTINGS)
    assert said in str(refused.value) and refused.value.outcome == outcome
    assert time.monotonic() - started < 2, "neither a slow nor an endless answer holds it longer than its limits"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x.png", "http://", "http://no-such-host.invalid/x", "http://[::1"])
def test_an_address_that_nothing_answers_is_named(url):
    with pytest.raises(PhotoRefused, match="cannot be fetched") as refused:
        fetch_image(url, SETTINGS)
    assert refused.value.outcome == "unavailable"


def test_a_server_that_others_ask_refuses_addresses_of_its_network(server):
    for url in (f"{server}/image", "http://10.0.0.1/x.png", "http://localhost/x.png", "http://no-such-host.invalid/"):
        with pytest.raises(PhotoRefused, match="public internet"):
            fetch_image(url, SETTINGS, only_public=True)


def test_a_public_address_may_not_lead_into_this_machine(server, monkeypatch):
    """The host of the URL resolves to a public address at first, and to this machine when the connection is made."""
    own = addresses._resolve
    answers = iter([{"93.184.216.34"}])
    monkeypatch.setattr(addresses, "_resolve", lambda host: next(answers, None) or own(host))
    with pytest.raises(PhotoRefused, match="an address of this machine or its network"):
        fetch_image(f"{server}/image", SETTINGS)
