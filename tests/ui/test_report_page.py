"""Every published page in Chromium: accessible, at home on a phone, whole without scripts, asking for nothing."""

import numpy as np
import pytest

from data.workspace.store import Workspace
from models.analysis.run_difference import compare_runs
from reports.dataset.label_audit_page import render_audit_page
from reports.dataset.verdict_page import render_verdict
from reports.difference.page import render_difference
from reports.run.page import render_report
from reports.run.sources import ReportSources
from reports.site.index import write_index
from reports.site.stored_reports import list_reports
from tests.reports.dataset.test_label_audit_page import gray_faces, make_audit
from tests.reports.dataset.test_verdict_page import QUARANTINE, make_evidence
from tests.support.browser import BROWSER, UI_MARKS, list_grave, sync_api
from tests.support.results_factory import make_data, make_results, write_pictures

HEIGHT = 900
PAGES = ("report", "audit", "data", "index", "compare")

pytestmark = UI_MARKS


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the address of each page, by its name in PAGES."""
    root = tmp_path_factory.mktemp("pages")
    audit = make_audit()
    (root / "audit").mkdir()
    (root / "audit" / "audit.json").write_text(audit.model_dump_json())
    ids = np.array([suspect.image_id for suspect in audit.suspects])
    np.savez(root / "audit" / "pictures.npz", images=gray_faces(audit), image_ids=ids)
    render_audit_page(root / "audit", make_data())
    (root / "verdict").mkdir()
    render_verdict(make_data(), make_evidence(np.random.default_rng(0)), QUARANTINE, root / "verdict")
    sources = ReportSources(
        pictures=write_pictures(root / "pictures.npz"), verdict=root / "verdict", audit=root / "audit"
    )
    space = Workspace(root / "workspace", reserve_bytes=0)
    for day in (1, 2):
        results = make_results(root / f"{day}", seed=day, started=f"2026-03-0{day}T09:00:00+00:00")
        report = space.produce(
            "reports", {"day": day}, lambda out, results=results: render_report(results, out, sources)
        )
    later, earlier = list_reports(space.root)[0]
    found = {
        "report": report.path / "index.html",
        "audit": root / "audit" / "audit.html",
        "data": root / "verdict" / "verdict.html",
        "index": write_index(space.root),
        "compare": render_difference(compare_runs(earlier.results, later.results), root / "compare"),
    }
    return {name: path.as_uri() for name, path in found.items()}


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser, pages):
    """Return a function that opens a page and returns it with the addresses that it asked for."""
    contexts = []

    def open_page(name, width=1440, **choices):
        context = browser.new_context(viewport={"width": width, "height": HEIGHT}, **choices)
        contexts.append(context)
        page, asked = context.new_page(), []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(pages[name], wait_until="load")
        return page, asked

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_nothing_serious(visit, name, scheme, width):
    page, _ = visit(name, width, color_scheme=scheme)
    assert list_grave(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_but_itself(visit, pages, name):
    page, asked = visit(name)
    page.mouse.wheel(0, 100_000)
    page.wait_for_timeout(200)
    assert [address for address in asked if not address.startswith("data:")] == [pages[name]]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [390, 768, 1440])
def test_no_page_is_wider_than_its_window(visit, name, width):
    page, _ = visit(name, width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
def test_without_scripts_every_section_is_seen(visit, name):
    page, _ = visit(name, java_script_enabled=False)
    sections = page.locator("main > section")
    assert sections.count() >= 1
    for number in range(sections.count()):
        section = sections.nth(number)
        assert section.is_visible()
        box = section.bounding_box()
        assert box is not None
        assert box["height"] > 40, section.get_attribute("id")


def test_every_place_of_the_contents_is_on_the_page(visit):
    page, _ = visit("report")
    places = page.eval_on_selector_all("nav a", "links => links.map(link => link.getAttribute('href'))")
    assert len(places) > 5
    assert [place for place in places if not page.locator(place).count()] == []
