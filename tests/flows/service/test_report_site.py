"""The pages of a workspace: reports and what they link to, nothing else."""

import socket
import threading
import time
from base64 import b64encode
from http.client import HTTPConnection

import pytest

from data.workspace.mark import claim_root
from data.workspace.store import Workspace
from flows.server import connections
from flows.service.report_site import make_server
from models.registry.tracking import TrackedReport, tracking_inputs
from reports.common.templates import TABLES_SCRIPT, hash_script

LOGIN = ("emotion", "secret")
REPORT = "reports/0123456789abcdef/index.html"


@pytest.fixture
def site(tmp_path):
    """Serve a workspace, and hand over a function that asks for a path as it stands: status, and body or a header."""
    workspace = tmp_path / "workspace"
    files = {
        REPORT: "<p>report</p>",
        "reports/.fedcba9876543210.work/index.html": "unfinished",
        "verdicts/1/verdict.html": "verdict",
        "datasets/1/datasheet.md": "datasheet",
        "datasets/1/manifest.parquet": "rows",
        "scores/0123456789abcdef/index.html": "scores",
        "scores/0123456789abcdef/parts/0001-000001.parquet": "names of photos",
        "scores/0123456789abcdef/.writing/index.html": "unfinished",
        "prefect/prefect.db": "secrets",
        "schedule.json": "{}",
    }
    claim_root(workspace)
    for name, text in files.items():
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text(text)
    (tmp_path / "outside.html").write_text("outside")
    (workspace / "reports" / "link.html").symlink_to(tmp_path / "outside.html")
    server = make_server("127.0.0.1", 0, workspace, ":".join(LOGIN))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    def ask(path, method="GET", header="", login=LOGIN, **sent):
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        if login:
            sent["Authorization"] = f"Basic {b64encode(':'.join(login).encode()).decode()}"
        connection.request(method, path, headers=sent)
        response = connection.getresponse()
        body = response.read().decode()
        return response.status, response.headers[header] if header else body

    ask.port = port
    yield ask
    server.should_exit = True
    thread.join(20)


def test_pages_are_served_with_what_they_link_to(site):
    assert site(f"/{REPORT}") == (200, "<p>report</p>")
    assert site("/reports/0123456789abcdef/../../verdicts/1/verdict.html") == (200, "verdict")
    assert site("/datasets/1/datasheet.md") == (200, "datasheet")
    assert site("/scores/0123456789abcdef/index.html") == (200, "scores")
    assert site(f"/{REPORT}", "HEAD") == (200, "")


def test_only_the_right_password_from_our_own_address_opens_a_page(site):
    assert site(f"/{REPORT}", login=None) == (401, "Unauthorized")
    assert site(f"/{REPORT}", login=("emotion", "wrong"))[0] == 401
    assert site(f"/{REPORT}", Host="foreign.example")[0] == 400
    assert site(f"/{REPORT}", Origin="http://foreign.example")[0] == 403


def test_a_page_says_what_it_is(site):
    assert site(f"/{REPORT}", header="Content-Type") == (200, "text/html; charset=utf-8")
    assert site("/datasets/1/datasheet.md", header="Content-Type") == (200, "text/plain; charset=utf-8")
    assert site(f"/{REPORT}", header="X-Content-Type-Options") == (200, "nosniff")
    assert site("/schedule.json", header="X-Content-Type-Options") == (404, "nosniff")


def test_a_page_that_the_browser_has_is_not_sent_again(site, tmp_path):
    _, tag = site(f"/{REPORT}", header="ETag")
    assert site(f"/{REPORT}", **{"If-None-Match": tag}) == (304, "")
    _, changed = site(f"/{REPORT}", header="Last-Modified")
    assert site(f"/{REPORT}", **{"If-Modified-Since": changed}) == (304, "")
    (tmp_path / "workspace" / REPORT).write_text("<p>another report</p>")
    assert site(f"/{REPORT}", **{"If-None-Match": tag}) == (200, "<p>another report</p>")


def test_the_index_of_the_reports_is_the_first_page(site, tmp_path):
    assert site("/")[0] == 302
    assert site("/reports/")[0] == 404  # a folder is no page
    (tmp_path / "workspace" / "reports" / "index.html").write_text("<p>index</p>")
    assert site("/reports/") == (200, "<p>index</p>")


@pytest.mark.parametrize(
    "path",
    [
        "/reports/../../outside.html",
        "/reports/%2e%2e/%2e%2e/outside.html",
        "/reports/..%2f..%2foutside.html",
        "//reports/../../../../../../etc/passwd",
        "/reports/link.html",
        "/reports/.fedcba9876543210.work/index.html",
        "/prefect/prefect.db",
        "/datasets/1/manifest.parquet",
        "/scores/0123456789abcdef/parts/0001-000001.parquet",
        "/scores/0123456789abcdef/.writing/index.html",
        "/datasets/1/",
        "/schedule.json",
        "/verdicts/",
        f"/reports/{'a' * 256}.html",
        f"/reports/{'a/' * 3000}index.html",
        f"/mlflow/{'a' * 5000}",
        "/reports/%00/index.html",
        "/reports/%ff%fe.html",
    ],
)
def test_nothing_else_is_served(site, path, caplog):
    assert site(path)[0] == 404
    assert not caplog.records


def test_a_page_runs_our_own_script_alone_and_loads_nothing_from_elsewhere(site):
    for path in (f"/{REPORT}", "/verdicts/1/verdict.html", "/no-such-page"):
        policy = site(path, header="Content-Security-Policy")[1]
        assert f"script-src '{hash_script(TABLES_SCRIPT)}';" in policy
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "http" not in policy
        assert site(path, header="Referrer-Policy")[1] == "same-origin"
        assert site(path, header="Cross-Origin-Resource-Policy")[1] == "same-origin"


@pytest.mark.parametrize("started", [b"", b"GET /reports/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
def test_a_connection_without_another_whole_request_is_closed(site, started, monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as client:
        client.sendall(b"GET /reports/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + started)
        answer = b"".join(iter(lambda: client.recv(65536), b""))  # until the server closes
    assert answer.startswith(b"HTTP/1.1 401")


def test_a_connection_that_never_asks_is_closed(site, monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as client:
        client.sendall(b"GET /rep")
        assert client.recv(1) == b""


def test_the_key_of_a_report_leads_to_its_run_in_mlflow(site, tmp_path, monkeypatch):
    tracked = TrackedReport(store="sqlite", experiment_id="1", run_id="ab12", variants={})
    Workspace(tmp_path / "workspace", reserve_bytes=0).produce(
        "tracked",
        tracking_inputs("0123456789abcdef", tmp_path / "workspace"),
        lambda out: (out / "result.json").write_text(tracked.model_dump_json()),
    )
    assert site("/mlflow/0123456789abcdef")[0] == 404  # MLflow has no pages
    monkeypatch.setenv("EMOTION_MLFLOW_URL", "http://127.0.0.1:5000")
    assert site("/mlflow/0123456789abcdef", header="Location") == (
        302,
        "http://127.0.0.1:5000/#/experiments/1/runs/ab12",
    )
    assert site("/mlflow/fedcba9876543210")[0] == 404
    assert site("/mlflow/")[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_changed(site, method):
    assert site(f"/{REPORT}", method)[0] == 405
    assert site(f"/{REPORT}")[0] == 200
