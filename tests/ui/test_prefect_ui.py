"""What a person does in Prefect's UI under `emotion up`, done in Chromium: start a run, watch it, read it, roll back.

EMOTION_SCREENSHOTS names a folder that gets a picture of each page.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

from models.registry.champion import ModelRegistry
from tests.support.up_command import API, wait_until

sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright: make test-ui installs it")

CHROMIUM = shutil.which("chromium")
RUN_SECONDS = 600

pytestmark = [
    pytest.mark.ui,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium (Debian: apt install chromium)"),
]


@pytest.fixture(scope="module")
def visit(up):
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        user, _, password = up.login.partition(":")
        page = browser.new_page(
            viewport={"width": 1400, "height": 900},
            device_scale_factor=1,
            http_credentials={"username": user, "password": password},  # for MLflow and the reports
        )
        page.set_default_timeout(60_000)
        log_in(page, up)
        yield Visit(page, up)
        browser.close()


def log_in(page, up):
    """Give Prefect's page the password, for which it asks by itself."""
    page.goto(up.addresses["server"])
    page.locator("input[type=password]").fill(up.login)
    page.get_by_role("button", name="Login").click()
    page.wait_for_url(re.compile("/dashboard"))


class Visit:
    """A person in front of the UI."""

    def __init__(self, page, up):
        self.page, self.up, self.server = page, up, up.addresses["server"]
        self.run_page = ""

    def open_form(self, deployment):
        found = API.get(f"{self.up.api}/deployments/name/{deployment}/{deployment}", timeout=60).json()
        self.page.goto(f"{self.server}/deployments/deployment/{found['id']}")
        self.page.get_by_role("button", name="Run", exact=True).first.click()
        self.page.get_by_text("Custom run").first.click()

    def field(self, name):
        label = self.page.get_by_text(f"{name} (Optional)", exact=True)
        return self.page.locator(".schema-form-property").filter(has=label).first

    def choose(self, name, *options):
        """Choose of a list, as many as are named."""
        self.field(name).locator(".p-select-button__control").press("ArrowDown")
        for option in options:
            self.page.get_by_role("option", name=option, exact=True).click()
        self.page.keyboard.press("Escape")

    def submit(self):
        """Press Submit, and go to the page of the run that it started."""
        self.page.get_by_role("button", name="Submit").click()
        self.page.get_by_role("button", name="View run").first.dispatch_event("click")  # the toast moves
        self.page.wait_for_url(re.compile("/runs/flow-run/"))
        self.run_page = self.page.url

    def wait_for_end(self, state="Completed"):
        badge = self.page.locator(".state-badge").first
        sync_api.expect(badge).to_have_text(
            re.compile("Completed|Failed|Crashed|Cancelled|Nothing to do"), timeout=1000 * RUN_SECONDS
        )
        assert badge.inner_text().strip() == state

    def open_tab(self, name):
        self.page.goto(self.run_page)
        self.page.locator(".p-tab, .p-tabs").get_by_text(name, exact=True).first.click()

    def find_in_logs(self, words):
        """Scroll through the run's logs, and load them again, until a line with these words is in sight."""
        line = self.page.get_by_text(re.compile(words)).first

        def is_found():
            self.open_tab("Logs")
            self.page.get_by_text("Oldest to newest").hover()
            for _ in range(80):  # the page holds the lines in sight alone
                if line.is_visible():
                    return True
                self.page.mouse.wheel(0, 400)
                self.page.wait_for_timeout(100)
            return False

        wait_until(is_found, RUN_SECONDS)

    def open_artifacts(self):
        """Open each artifact of the run, and return what stands on its page by its key."""
        self.open_tab("Artifacts")
        self.page.locator("a[href*='/artifacts/artifact/']").first.wait_for()
        links = self.page.locator("a[href*='/artifacts/artifact/']").all()
        texts = {}
        for address in dict.fromkeys(link.get_attribute("href") for link in links):
            self.page.goto(f"{self.server}{address}")
            self.page.get_by_text("Show raw data").first.wait_for()
            key = self.page.locator("a[href*='/artifacts/key/']").first.inner_text().strip()
            texts[key] = self.page.locator("body").inner_text()
            self.shoot(f"artifact-{key}")
        return texts

    def shoot(self, name):
        """Keep a picture of the page where one is asked for."""
        shoot_page(self.page, name)


def shoot_page(page, name):
    """Keep a picture of a page in the folder of EMOTION_SCREENSHOTS."""
    folder = os.environ.get("EMOTION_SCREENSHOTS")
    if folder:
        page.wait_for_timeout(1500)  # for what the page draws in motion
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def run_of_the_form(api, **parameters):
    """Run `retrain` by the API, to its end."""
    found = API.get(f"{api}/deployments/name/retrain/retrain", timeout=60).json()
    made = API.post(
        f"{api}/deployments/{found['id']}/create_flow_run", json={"parameters": parameters}, timeout=60
    ).json()

    def state():
        return API.get(f"{api}/flow_runs/{made['id']}", timeout=60).json()["state"]["type"]

    wait_until(lambda: state() in ("COMPLETED", "FAILED", "CRASHED"), RUN_SECONDS)
    assert state() == "COMPLETED"


def test_a_run_is_started_from_its_form_watched_read_and_rolled_back(visit, up):
    page, registry = visit.page, ModelRegistry(up.settings.workspace)
    run_of_the_form(up.api, preset="smoke", variants=["compact"])
    assert registry.champion() == 1

    visit.open_form("retrain")
    visit.choose("preset", "quick")
    visit.choose("variants", "compact", "light")
    # A budget that is not reached: on a busy machine too, the epochs of the preset are trained.
    visit.field("time_budget_minutes").locator("input").fill("10")
    visit.field("seed").locator("input").fill("7")
    visit.shoot("form")
    visit.submit()
    visit.find_in_logs("compact: epoch 1/[0-9]+, loss")
    visit.shoot("running")
    visit.wait_for_end()
    page.goto(visit.run_page)  # draws the graph of the whole run
    visit.shoot("completed")
    visit.find_in_logs("light: epoch 1/[0-9]+, loss")

    texts = visit.open_artifacts()
    assert {"data-quality", "training-compact", "training-light", "leaderboard", "label-audit"} <= set(texts)
    assert {"report", "report-page", "decision", "champion", "mlflow-run"} <= set(texts)
    assert "compact" in texts["leaderboard"]
    assert "The champion changes" in texts["decision"]
    assert registry.champion() == 2

    page.goto(f"{visit.server}/artifacts/key/report-page")
    page.locator("a[href*='/artifacts/artifact/']").first.click()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="the whole report").first.click()
    report = opened.value
    assert report.url.startswith(up.addresses["reports"])
    assert report.get_by_text("Retraining report").first.is_visible()
    report.get_by_role("link", name="The run in MLflow").click()
    report.wait_for_url(re.compile("/#/experiments/[0-9]+/runs/[0-9a-f]{32}"))
    report.get_by_text("emotion.report").first.wait_for()
    shoot_page(report, "mlflow-run")
    report.close()

    visit.open_form("rollback")
    visit.field("reason").locator("textarea, input").first.fill("the new one looks at hair")
    visit.submit()
    visit.wait_for_end()
    visit.shoot("rolled-back")
    assert registry.champion() == 1
    assert registry.history()[-1].move.reason == "the new one looks at hair"


def test_a_bad_value_is_refused_before_there_is_a_run(visit, up):
    def runs():
        return API.post(f"{up.api}/flow_runs/count", json={}, timeout=60).json()

    before = runs()
    visit.open_form("retrain")
    visit.field("parallel").locator("input").fill("65")
    visit.page.get_by_role("button", name="Submit").click()
    visit.page.get_by_text("65 is greater than the maximum of 64").first.wait_for()
    visit.shoot("refused")
    assert runs() == before
