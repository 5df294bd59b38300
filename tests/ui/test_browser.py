"""What a person does in Prefect's UI, in a real browser: start a run from its form, watch it, read it, roll it back.

Screenshots are left in the directory that EMOTION_SCREENSHOTS names.
"""

import os
from pathlib import Path

import pytest

from tests.up_command import Up, wait_until

playwright = pytest.importorskip("playwright.sync_api", reason="make test-ui installs playwright")

pytestmark = [pytest.mark.ui, pytest.mark.timeout(3600)]

CHROMIUM = "/usr/bin/chromium"
RUN_MILLISECONDS = 600_000
ANSWER_MILLISECONDS = 60_000


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    started = Up(tmp_path_factory.mktemp("ui") / "workspace")
    wait_until(started.is_ready)
    yield started
    started.end()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started_playwright:
        started = started_playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser, up):
    opened = browser.new_page(viewport={"width": 1440, "height": 1000})
    opened.set_default_timeout(ANSWER_MILLISECONDS)
    yield opened
    opened.close()


def keep_picture(page, name: str) -> None:
    folder = os.environ.get("EMOTION_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")
