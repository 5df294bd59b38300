"""Pages are printed by a browser that the machine has; where it has none, that is said."""

import pytest

from data.base.errors import PipelineError
from reports.common import pdf


def test_without_a_browser_it_is_said_which_would_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pdf, "APPLICATIONS", ())
    with pytest.raises(PipelineError, match="chromium"):
        pdf.find_browser()


def test_the_first_browser_on_the_path_is_taken(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("msedge", "google-chrome"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert pdf.find_browser() == tmp_path / "google-chrome"


@pytest.mark.parametrize("script", ["#!/bin/sh\necho no display >&2\nexit 1\n", "not a program"])
def test_a_browser_that_prints_nothing_is_named_with_what_it_said(tmp_path, script):
    browser = tmp_path / "chromium"
    browser.write_text(script)
    browser.chmod(0o755)
    with pytest.raises(PipelineError, match=r"got no .*report\.pdf from .*chromium"):
        pdf.print_pdf(tmp_path / "index.html", tmp_path / "report.pdf", browser)
