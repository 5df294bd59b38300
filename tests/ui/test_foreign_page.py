"""A page of a foreign site in Chromium: it starts no run and reads nothing, even where the person has logged in."""

import json
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from expectations.data_docs import write_data_docs
from expectations.rules import DataRules
from tests.support.image_tree import make_manifest
from tests.support.up_command import API

sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright: make test-ui installs it")

CHROMIUM = shutil.which("chromium")
ASK = """async ([url, body]) => {
  const asked = {method: body === null ? "GET" : "POST", credentials: "include"};
  const seen = [];
  for (const [mode, type] of [["cors", "application/json"], ["cors", "text/plain"], ["no-cors", ""]]) {
    try {
      const sent = body === null ? {} : {body: new Blob([body], {type})};  // without a type it needs no preflight
      const answer = await fetch(url, {...asked, ...sent, mode});
      seen.push(answer.status + (await answer.text()));
    } catch (error) { seen.push("refused"); }
  }
  return seen;
}"""
FRAME = "url => document.body.append(Object.assign(document.createElement('iframe'), {src: url}))"

pytestmark = [
    pytest.mark.ui,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium (Debian: apt install chromium)"),
]


@pytest.fixture(scope="module")
def foreign_site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "index.html").write_text("<title>foreign</title>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://foreign.example:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def page(up):
    """A page of a browser that has the password, for which foreign.example leads to this machine."""
    user, _, password = up.login.partition(":")
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--host-resolver-rules=MAP foreign.example 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(http_credentials={"username": user, "password": password})
        for name in ("reports", "mlflow"):  # the browser sends what it knows of a part with every later request
            page.goto(up.addresses[name])
        yield page
        browser.close()


def test_a_foreign_page_starts_no_run_and_reads_nothing(up, page, foreign_site):
    deployment = API.get(f"{up.api}/deployments/name/ingest/ingest", timeout=60).json()["id"]
    page.goto(foreign_site)
    asked = {
        f"{up.api}/deployments/{deployment}/create_flow_run": json.dumps({"parameters": {"source": "sample"}}),
        f"{up.api}/flows/filter": "{}",
        f"{up.addresses['mlflow']}/api/2.0/mlflow/experiments/create": json.dumps({"name": "foreign"}),
        f"{up.addresses['reports']}/reports/": None,
    }
    for url, body in asked.items():
        assert set(page.evaluate(ASK, [url, body])) <= {"refused", "0"}, url
    assert API.post(f"{up.api}/flow_runs/count", json={}, timeout=60).json() == 0
    found = API.get(f"{up.addresses['mlflow']}/api/2.0/mlflow/experiments/search?max_results=9", timeout=60).json()
    assert "foreign" not in [experiment["name"] for experiment in found["experiments"]]


@pytest.mark.parametrize("part", ["server", "mlflow", "reports"])
def test_a_foreign_name_that_leads_to_this_machine_shows_nothing(up, page, part):
    port = up.addresses[part].rsplit(":", 1)[1]
    answer = page.goto(f"http://foreign.example:{port}/")
    assert answer.status in (400, 403)


def test_a_foreign_page_frames_no_page_of_ours(up, page, foreign_site):
    page.goto(foreign_site)
    address = f"{up.addresses['reports']}/reports/"
    page.evaluate(FRAME, address)
    page.wait_for_timeout(2000)
    assert not any("Reports" in frame.content() for frame in page.frames[1:])


def test_a_file_name_in_data_docs_is_no_script(up, page):
    label = "<img src=x onerror=\"document.title='owned'\">"
    manifest = make_manifest([("train", "happy", "a")])
    manifest = manifest.assign(path=f"train/happy/{label}.png", width=30).astype(manifest.dtypes)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    write_data_docs(manifest, DataRules(), up.settings.workspace / "data_docs" / "1")
    page.goto(f"{up.addresses['reports']}/data_docs/1/index.html")
    page.get_by_role("link", name="What was found").click()
    assert page.get_by_text(label).first.is_visible()
    assert page.title() != "owned"
    assert all(address.startswith(up.addresses["reports"]) for address in asked)
