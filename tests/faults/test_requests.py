"""Hostile requests to the report pages: each gets a refusal or nothing, and the server answers the next one."""

import socket
import threading
import time
from base64 import b64encode
from functools import partial
from pathlib import Path

import pytest

from data.workspace.mark import claim_root
from flows.server import connections
from flows.service.report_site import make_server
from tests.faults.limited_child import Case, Handled

pytestmark = pytest.mark.faults
KIND = "requests"

LOGIN = "emotion:secret"
PAGE = "/reports/0123456789abcdef/index.html"
ASKED = f"Authorization: Basic {b64encode(LOGIN.encode()).decode()}\r\n"
SECRETS = b"secrets of the workspace"
WAIT_SECONDS = 20


def make_site(folder: Path) -> None:
    workspace = folder / "workspace"
    claim_root(workspace)
    files = {
        PAGE[1:]: "<p>report</p>",
        "prefect/prefect.db": SECRETS.decode(),
        "reports/.hidden/index.html": SECRETS.decode(),
        "datasets/1/manifest.parquet": SECRETS.decode(),
        "emotion_workspace.html": SECRETS.decode(),
    }
    for name, text in files.items():
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text(text)
    (folder / "outside.html").write_text(SECRETS.decode())
    (workspace / "reports" / "link.html").symlink_to(folder / "outside.html")
    (workspace / "reports" / "linked").symlink_to(folder)


def exchange(port: int, sent: bytes, close: bool) -> bytes:
    """Send bytes as they are and return what comes until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS) as client:
        client.sendall(sent)
        if close:
            client.shutdown(socket.SHUT_WR)
        pieces = []
        try:
            while piece := client.recv(65_536):
                pieces.append(piece)
        except ConnectionResetError:
            pass
        return b"".join(pieces)


def ask(requests: list[bytes], close: bool, folder: Path) -> list[str]:
    """Send each text on a connection of its own, then a right request; return the status of each answer."""
    connections.REQUEST_SECONDS = 1.0
    server = make_server("127.0.0.1", 0, folder / "workspace", LOGIN)
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    answers = [exchange(port, sent, close) for sent in requests]
    if any(SECRETS in answer for answer in answers):
        raise AssertionError("a page shows what it must not")
    answers.append(exchange(port, request(PAGE), False))
    return [answer[9:12].decode() or "closed" for answer in answers]


def request(path: str, method: str = "GET", login: str = ASKED, host: str = "127.0.0.1", **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    named = f"Host: {host}\r\n" if host else ""
    return f"{method} {path} HTTP/1.1\r\n{named}{login}Connection: close\r\n{lines}\r\n".encode("latin-1")


def case(name: str, sent: bytes | list[bytes], *statuses: str, close: bool = False) -> Case:
    requests = sent if isinstance(sent, list) else [sent]
    return Case(name, make_site, partial(ask, requests, close), Handled([*statuses, "200"]))


PATHS = [
    "/reports/../../outside.html",
    "/../outside.html",
    "/reports/%2e%2e/%2e%2e/outside.html",
    "/reports/..%2f..%2foutside.html",
    "/reports/..%5c..%5coutside.html",
    "/reports/%252e%252e/outside.html",
    "/reports/....//....//outside.html",
    "//reports/../../../../../../etc/passwd",
    "/reports//etc/passwd",
    "/reports/link.html",
    "/reports/linked/outside.html",
    "/reports/linked/workspace/prefect/prefect.db",
    "/reports/.hidden/index.html",
    "/reports/%2ehidden/index.html",
    "/prefect/prefect.db",
    "/prefect/prefect.db?x=.html",
    "/PREFECT/prefect.db",
    "/reports/../prefect/prefect.db%00.html",
    "/datasets/1/manifest.parquet",
    "/emotion_workspace.html",
    "/emotion_workspace.json",
    "/reports/%00/index.html",
    "/reports/%ff%fe.html",
    "/reports/%u002e%u002e/x.html",
    f"/reports/{'a' * 256}.html",
    f"/reports/{'a/' * 3000}index.html",
    f"/mlflow/{'a' * 5000}",
    "/mlflow/../prefect/prefect.db",
    "/mlflow/%0d%0aSet-Cookie:x",
    "/reports/con.html",
    "/reports/<script>.html",
]
METHODS = ["POST", "PUT", "DELETE", "TRACE", "X" * 50]
HOSTS = ["foreign.example", "127.0.0.1.foreign.example", "127.0.0.1@foreign.example", "a" * 5000, "[::1", "é"]
HALF = b"GET /reports/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"

CASES = [
    *(case(f"path {path[:60]}", request(path), "404") for path in PATHS),
    *(case(f"method {method}", request(PAGE, method), "405") for method in METHODS),
    case("no password", request(PAGE, login=""), "401"),
    case("wrong password", request(PAGE, login="Authorization: Basic ZW1vdGlvbjp3cm9uZw==\r\n"), "401"),
    case("password that is no Base64", request(PAGE, login="Authorization: Basic ####\r\n"), "401"),
    case("password of 50,000 characters", request(PAGE, login=f"Authorization: Basic {'A' * 50_000}\r\n"), "401"),
    case("two passwords, the first wrong", request(PAGE, login=f"Authorization: Basic eA==\r\n{ASKED}"), "401"),
    *(case(f"host {host[:40]}", request(PAGE, host=host), "400") for host in HOSTS),
    case("no host", request(PAGE, host=""), "400"),
    case("two hosts", request(PAGE, host="127.0.0.1\r\nHost: foreign.example"), "400"),
    *(
        case(f"origin {origin}", request(PAGE, Origin=origin), "403")
        for origin in ("http://foreign.example", "null", "http://[broken", "http://127.0.0.1:9", "file://")
    ),
    case("forwarded host", request(PAGE, X_Forwarded_Host="foreign.example", X_Forwarded_For="1.2.3.4"), "200"),
    case("range of many parts", request(PAGE, Range="bytes=" + ",".join(["0-"] * 1000)), "200"),
    case("range behind the end", request(PAGE, Range="bytes=999999-"), "416"),
    case("range of negative length", request(PAGE, Range="bytes=9-1"), "400"),
    case("time that is none", request(PAGE, If_Modified_Since="yesterday"), "200"),
    case("time in the year 99999", request(PAGE, If_Modified_Since="Mon, 01 Jan 99999 00:00:00 GMT"), "304"),
    case(
        "web socket",
        request("/reports/", Upgrade="websocket", Sec_WebSocket_Key="x", Sec_WebSocket_Version="13"),
        "404",
    ),
    case("header of 200,000 bytes", request(PAGE, X="a" * 200_000), "400"),
    case("5,000 headers", request(PAGE, **{f"X{number}": "1" for number in range(5000)}), "200"),
    case("path of 60,000 bytes", request("/reports/" + "a" * 60_000), "404"),
    case("body without end", request(PAGE, "POST", Content_Length="99999999999") + b"x" * 1000, "405"),
    case("two lengths", request(PAGE, "POST", Content_Length="1\r\nContent-Length: 2") + b"xx", "400"),
    case("negative length", request(PAGE, "POST", Content_Length="-1"), "400"),
    case(
        "chunk of huge size",
        request(PAGE, "POST", Transfer_Encoding="chunked") + b"F" * 30 + b"\r\n",
        "400",
    ),
    case("request inside a body", request(PAGE, "GET", Content_Length="30") + request("/prefect/prefect.db"), "200"),
    case("HTTP/0.9", b"GET /\r\n", "closed"),
    case("HTTP/9.9", b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n", "401"),
    case("HTTP/2 at once", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"),
    case("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), "400"),
    case("noise", bytes(range(256)) * 40, "400"),
    case("full URL of another server", request("http://foreign.example/reports/"), "404"),
    case("CONNECT", request("foreign.example:443", "CONNECT"), "404"),
    case("line breaks alone", b"\r\n" * 1000, "400"),
    case("half a request", HALF, "closed"),
    case("half a request, then the end", HALF, "closed", close=True),
    case("nothing, then the end", b"", "closed", close=True),
    case("nothing at all", b"", "closed"),
    case("three half requests", [HALF] * 3, "closed", "closed", "closed"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_is_refused_and_the_next_one_answered(case, check):
    check(case)
