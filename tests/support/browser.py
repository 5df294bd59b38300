"""The browser of this machine, and what axe-core finds in a page. Without both, tests skip."""

import importlib.resources
from typing import Any

import pytest

from data.base.errors import PipelineError
from reports.common.pdf import find_browser

sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright: make test-ui installs it")
axe_package = pytest.importorskip("axe_playwright_python", reason="no axe-core: make test-ui installs it")

GRAVE = {"serious", "critical"}


def browser_path():
    """Return the browser of the machine, or None where it has none."""
    try:
        return find_browser()
    except PipelineError:
        return None


BROWSER = browser_path()

UI_MARKS = [
    pytest.mark.ui,
    pytest.mark.skipif(not BROWSER, reason="no Chromium (Debian: apt install chromium)"),
]


def list_grave(page: Any) -> list[str]:
    """Run axe-core in a page, and describe its serious and critical findings."""
    page.evaluate(importlib.resources.files(axe_package).joinpath("axe.min.js").read_text())
    outcome = page.evaluate("() => axe.run({resultTypes: ['violations']})")
    assert outcome["testEngine"]["version"]
    return [
        f"{violation['id']}: {node['html'][:200]} {node['failureSummary']}"
        for violation in outcome["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"][:3]
    ]
