"""A store with the protocol of Google Cloud Storage on this machine, which keeps everything in memory.

It numbers the generations of an object, honours a condition on them, and gives equal contents equal ETags, as Google's
XML API does. It checks no credentials, knows no uploads in parts and no pages of a list, and answers one request after
the other: what Google does under load, or when it limits the writes of one object, it does not show.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

GCS_BUCKET = "faces"

NOBODY = {"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
"""Account of a client that asks for no token."""

WRITTEN = "2024-01-01T00:00:00.000Z"


class _Stored(NamedTuple):
    content: bytes
    generation: int

    def headers(self) -> dict[str, str]:
        return {
            "ETag": f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"',
            "x-goog-generation": str(self.generation),
            "Last-Modified": formatdate(usegmt=True),
        }


class _Objects:
    def __init__(self) -> None:
        self.stored: dict[str, _Stored] = {}
        self.lock = threading.Lock()
        self._generation = 1_700_000_000_000_000

    def put(self, name: str, content: bytes, condition: str | None) -> _Stored | None:
        """Write an object, unless its generation is not the one of the condition; 0 stands for no object."""
        found = self.stored[name].generation if name in self.stored else 0
        if condition is not None and int(condition) != found:
            return None
        self._generation += 1
        self.stored[name] = _Stored(content, self._generation)
        return self.stored[name]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: _Objects

    def do_GET(self) -> None:
        name = self._name()
        if not name:
            return self._answer(HTTPStatus.OK, self._list().encode(), {})
        found = self.objects.stored.get(name)
        if found is None:
            return self._answer(HTTPStatus.NOT_FOUND, b"", {})
        self._answer(HTTPStatus.OK, found.content, found.headers())

    do_HEAD = do_GET  # noqa: N815

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        with self.objects.lock:
            written = self.objects.put(self._name(), content, self.headers["x-goog-if-generation-match"])
        status = HTTPStatus.OK if written else HTTPStatus.PRECONDITION_FAILED
        self._answer(status, b"", written.headers() if written else {})

    def do_DELETE(self) -> None:
        found = self.objects.stored.pop(self._name(), None)
        self._answer(HTTPStatus.NO_CONTENT if found else HTTPStatus.NOT_FOUND, b"", {})

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _name(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix(f"/{GCS_BUCKET}").lstrip("/")

    def _list(self) -> str:
        prefix = parse_qs(urlsplit(self.path).query).get("prefix", [""])[0]
        found = [(name, one) for name, one in sorted(self.objects.stored.items()) if name.startswith(prefix)]
        entries = (
            f"<Contents><Key>{escape(name)}</Key><Size>{len(one.content)}</Size><LastModified>{WRITTEN}</LastModified>"
            "</Contents>"
            for name, one in found
        )
        return f"<ListBucketResult>{''.join(entries)}</ListBucketResult>"

    def _answer(self, status: HTTPStatus, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def gcs_server() -> Iterator[dict[str, str]]:
    """Serve a bucket; yield the variables by which clients reach it, with an account that asks for no token."""
    handler = type("Handler", (_Handler,), {"objects": _Objects()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, name="gcs", daemon=True).start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            yield {"GOOGLE_BASE_URL": url, "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps({"gcs_base_url": url, **NOBODY})}
        finally:
            server.shutdown()
