"""A Google Drive on 127.0.0.1: a CONNECT proxy that answers for Drive's hosts over TLS with a CA of its own.

gdown runs unpatched against it; only its `proxy` and `verify` arguments point here. Plain GET requests, without
CONNECT, are answered from `urls`: any web server with archives on it.
"""

import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import trustme
from pydantic import SecretStr

from data.sources.download_settings import DownloadSettings

HOSTS = ("drive.google.com", "drive.usercontent.google.com", "accounts.google.com")

Behaviour = Literal[
    "direct", "confirm", "quota", "quota_after_confirm", "sign_in", "forbidden", "not_found", "server_error", "html"
]

QUOTA_PAGE = (
    "<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>\n"
    '<p class="uc-error-caption">This file is blocked for now.</p>\n'
    '<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently.</p>\n'
    "</body></html>"
)
PLAIN_PAGE = "<!DOCTYPE html><html><head><title>Drive</title></head><body><p>A preview.</p></body></html>"
SIGN_IN_PAGE = "<!DOCTYPE html><html><head><title>Sign in - Google Accounts</title></head><body></body></html>"


@dataclass
class FakeFile:
    """A file and how the server treats those who ask for it."""

    content: bytes
    name: str = "faces.zip"
    behaviour: Behaviour = "direct"
    etag: str = '"1"'
    content_type: str = "application/octet-stream"
    honours_range: bool = True
    cuts: list[int] = field(default_factory=list)
    """Bytes after which the connection breaks, one number for each of the next answers with a body."""
    stalls: list[float] = field(default_factory=list)
    """Seconds of silence before the body, one number for each of the next answers with a body."""
    encoding: str = ""
    """Content-Encoding that the content has."""
    endless: bool = False
    """Whether the content is sent again and again, and its length is not announced."""
    drip_seconds: float = 0
    """Seconds between the single bytes of the content; 0 sends it at once."""
    resource_key: str = ""
    """Key that a request must have beside the id."""
    location: str = ""
    """URL to which the server redirects."""


@dataclass
class FakeFolder:
    """A Drive folder: names to ids of files and folders."""

    name: str
    files: dict[str, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)
    """Names to kinds of documents of Google, such as forms."""
    modified: dict[str, str] = field(default_factory=dict)
    resource_key: str = ""
    """Names to what the page says of the time of the last change."""


@dataclass
class Request:
    """What was asked of the server."""

    host: str
    path: str
    range: str
    cookie: str


class FakeDrive(ThreadingHTTPServer):
    """The server; `files` and `folders` are by Drive id, `urls` by path; the next `drops` requests get no
    answer, and a folder's page comes after `folder_seconds`, or asks for a sign-in if `private_folders`."""

    daemon_threads = True

    def __init__(self, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, FakeFile] = {}
        self.folders: dict[str, FakeFolder] = {}
        self.urls: dict[str, FakeFile] = {}
        self.requests: list[Request] = []
        self.drops = 0
        self.folder_seconds = 0.0
        self.private_folders = False
        authority = trustme.CA()
        self.ca_bundle = directory / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_bundle))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*HOSTS).configure_cert(self.tls)

    @property
    def address(self) -> str:
        """URL of the server, as a proxy and as a plain web server."""
        return f"http://127.0.0.1:{self.server_port}"

    def settings(self, retries: int = 2) -> DownloadSettings:
        """Return download settings that lead to this server."""
        return DownloadSettings(
            timeout_seconds=30, retries=retries, proxy=SecretStr(self.address), ca_bundle=str(self.ca_bundle)
        )

    def handle_error(self, request, client_address) -> None:
        """Keep quiet about connections that tests break on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeDrive  # pyright: ignore[reportIncompatibleVariableOverride]
    host = ""

    def log_message(self, format: str, *args) -> None:
        """Keep stderr clean."""

    def do_CONNECT(self) -> None:
        self.host = self.path.split(":")[0]
        self.send_response_only(200)
        self.end_headers()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile.close()
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def do_GET(self) -> None:
        host = self.host or "127.0.0.1"
        self.server.requests.append(
            Request(host, self.path, self.headers.get("Range", ""), self.headers.get("Cookie", ""))
        )
        if self.server.drops > 0:
            self.server.drops -= 1
            self.close_connection = True
            return
        url = urlsplit(self.path)
        if host == "127.0.0.1":
            self._answer_file(self.server.urls.get(url.path))
        elif host == "accounts.google.com":
            self._send_page(SIGN_IN_PAGE)
        elif url.path == "/embeddedfolderview":
            self._answer_folder(parse_qs(url.query)["id"][0])
        else:
            query = parse_qs(url.query)
            self._answer_file(self.server.files.get(query["id"][0]), confirmed="confirm" in query)

    def _answer_file(self, file: FakeFile | None, confirmed: bool = False) -> None:
        behaviour = file.behaviour if file else "not_found"
        if file and not self._has_key(file.resource_key):
            behaviour = "sign_in"
        if behaviour in ("confirm", "quota_after_confirm") and not confirmed:
            self._send_page(_confirmation_page(parse_qs(urlsplit(self.path).query)["id"][0]))
        elif behaviour in ("quota", "quota_after_confirm"):
            self._send_page(QUOTA_PAGE)
        elif behaviour == "sign_in":
            self._redirect("https://accounts.google.com/ServiceLogin?service=wise")
        elif file and file.location:
            self._redirect(file.location)
        elif behaviour == "html":
            self._send_page(PLAIN_PAGE)
        elif file is None or behaviour in ("forbidden", "not_found", "server_error"):
            self._send_page(PLAIN_PAGE, {"forbidden": 403, "server_error": 500}.get(behaviour, 404))
        else:
            self._send_file(file)

    def _send_file(self, file: FakeFile) -> None:
        body, start, status = file.content, 0, 200
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and file.honours_range and self.headers.get("If-Range", file.etag) == file.etag:
            start, status = int(asked[1]), 206
        if start >= len(body) and status == 206:
            self._send_page(PLAIN_PAGE, 416)
            return
        self.send_response(status)
        self.send_header("Content-Type", file.content_type)
        if file.endless:
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body) - start))
        self.send_header("ETag", file.etag)
        if file.encoding:
            self.send_header("Content-Encoding", file.encoding)
        if self.host:
            self.send_header("Content-Disposition", f'attachment; filename="{file.name}"')
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        self._send_body(file, body[start:])

    def _send_body(self, file: FakeFile, body: bytes) -> None:
        if file.stalls:
            time.sleep(file.stalls.pop(0))
        if file.cuts:
            body = body[: file.cuts.pop(0)]
            self.close_connection = True
        if file.drip_seconds:
            for place in range(len(body)):
                self.wfile.write(body[place : place + 1])
                time.sleep(file.drip_seconds)
            return
        self.wfile.write(body)
        while file.endless:
            self.wfile.write(body)

    def _has_key(self, key: str) -> bool:
        return not key or parse_qs(urlsplit(self.path).query).get("resourcekey") == [key]

    def _answer_folder(self, folder_id: str) -> None:
        time.sleep(self.server.folder_seconds)
        folder = self.server.folders.get(folder_id)
        if self.server.private_folders or (folder and not self._has_key(folder.resource_key)):
            self._redirect("https://accounts.google.com/ServiceLogin?service=wise")
            return
        if folder is None:
            self._send_page(PLAIN_PAGE, 404)
            return
        links = [(name, f"docs.google.com/{kind}/d/{'D' * 33}/edit") for name, kind in folder.documents.items()]
        for name, i in folder.files.items():
            links.append((name, f"drive.google.com/file/d/{i}/view?usp=drive_web{_key_of(self.server.files.get(i))}"))
        for name, i in folder.folders.items():
            links.append((name, f"drive.google.com/drive/folders/{i}?usp=x{_key_of(self.server.folders.get(i))}"))
        entries = [_folder_entry(name, link, folder.modified.get(name, "1/2/24")) for name, link in links]
        self._send_page(f"<html><head><title>{folder.name}</title></head><body>{''.join(entries)}</body></html>")

    def _send_page(self, page: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page.encode())))
        self.send_header("Set-Cookie", "NID=tracking; Domain=.google.com; Path=/")
        self.end_headers()
        self.wfile.write(page.encode())

    def _redirect(self, url: str) -> None:
        self.send_response(302)
        self.send_header("Location", url)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _key_of(shared: FakeFile | FakeFolder | None) -> str:
    return f"&resourcekey={shared.resource_key}" if shared and shared.resource_key else ""


def _folder_entry(name: str, link: str, modified: str) -> str:
    return (
        f'<div class="flip-entry" role="link"><div class="flip-entry-info"><a href="https://{escape(link)}">'
        '<div class="flip-entry-list-icon"><img src="x" alt="a"/></div>'
        f'<div class="flip-entry-title">{escape(name)}</div></a></div>'
        f'<div class="flip-entry-last-modified"><div>{escape(modified)}</div></div></div>'
    )


def _confirmation_page(file_id: str) -> str:
    return (
        "<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>\n"
        '<form id="download-form" action="https://drive.usercontent.google.com/download" method="get">'
        f'<input type="hidden" name="id" value="{file_id}"><input type="hidden" name="export" value="download">'
        '<input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="1-2-3">'
        "</form></body></html>"
    )


@contextmanager
def run_fake_drive(directory: Path) -> Iterator[FakeDrive]:
    """Run a fake Drive for the length of a block.

    Args:
        directory: gets the file with the certificate to trust.
    """
    drive = FakeDrive(directory)
    thread = threading.Thread(target=drive.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield drive
    finally:
        drive.shutdown()
        drive.server_close()
        thread.join()
