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


@pytest.mark.parametrize("printed", ["", "%PDF-1.4 a part", "a page of the proxy"])
def test_an_older_or_broken_pdf_is_not_taken_for_the_new_one(tmp_path, printed):
    (tmp_path / "report.pdf").write_text("%PDF-1.4 of last week %%EOF")
    browser = tmp_path / "chromium"
    write = f'for a in "$@"; do case $a in --print-to-pdf=*) printf \'{printed}\' > "${{a#*=}}";; esac; done'
    browser.write_text("#!/bin/sh\n" + (write.replace("%", "%%") if printed else "exit 0") + "\n")
    browser.chmod(0o755)
    with pytest.raises(PipelineError, match=r"got no .*report\.pdf"):
        pdf.print_pdf(tmp_path / "index.html", tmp_path / "report.pdf", browser)
    left = tmp_path / "report.pdf"
    assert not left.exists() or left.read_text() == printed


def test_a_pdf_that_is_printed_replaces_the_older_one(tmp_path):
    (tmp_path / "report.pdf").write_text("%PDF-1.4 of last week %%EOF")
    browser = tmp_path / "chromium"
    write = 'for a in "$@"; do case $a in --print-to-pdf=*) printf \'%%PDF-1.4 new %%%%EOF\' > "${a#*=}";; esac; done'
    browser.write_text(f"#!/bin/sh\n{write}\n")
    browser.chmod(0o755)
    pdf.print_pdf(tmp_path / "index.html", tmp_path / "report.pdf", browser)
    assert (tmp_path / "report.pdf").read_text() == "%PDF-1.4 new %%EOF"
