"""`emotion report` makes pages again from a workspace and leaves what is finished as it is."""

import pytest
from typer.testing import CliRunner

from data.base.errors import PipelineError
from data.workspace.stage_record import find_damage
from data.workspace.store import Workspace
from flows.cli.commands import app
from reports.run.page import render_report
from tests.support.results_factory import make_results


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """The keys of two reports, the older first, in the workspace of the settings."""
    monkeypatch.setenv("EMOTION_WORKSPACE", str(tmp_path / "workspace"))
    space = Workspace(tmp_path / "workspace", reserve_bytes=0)
    keys = []
    for day in (1, 2):
        results = make_results(tmp_path / f"{day}", trained=2, seed=day, started=f"2026-03-0{day}T09:00:00+00:00")
        produced = space.produce("reports", {"day": day}, lambda out, results=results: render_report(results, out))
        keys.append(produced.key)
    return keys


def test_a_report_is_made_again_beside_the_finished_one(reports, tmp_path):
    outcome = CliRunner().invoke(app, ["report", reports[0]], catch_exceptions=False)
    made = tmp_path / "workspace" / "rendered" / reports[0]
    assert str(made / "index.html") in outcome.stdout.replace("\n", "")
    stored = tmp_path / "workspace" / "reports" / reports[0]
    assert find_damage(stored) == ""
    assert (made / "report.md").read_text() == (stored / "report.md").read_text()
    assert (made / "index.html").stat().st_size > 10_000


def test_the_directory_can_be_chosen(reports, tmp_path):
    CliRunner().invoke(app, ["report", "--out", str(tmp_path / "here")], catch_exceptions=False)
    assert (tmp_path / "here" / "index.html").is_file()


@pytest.mark.parametrize("compared", [False, True])
def test_a_directory_with_files_is_refused_and_stays(reports, tmp_path, compared):
    mine = tmp_path / "here" / ("compare.html" if compared else "index.html")
    mine.parent.mkdir()
    mine.write_text("mine")
    pair = ("--compare", *reports) if compared else (reports[0],)
    for out in (mine.parent, mine):
        with pytest.raises(PipelineError, match=r"--out .*, expected a new or empty directory"):
            CliRunner().invoke(app, ["report", *pair, "--out", str(out)], catch_exceptions=False)
    assert [path.name for path in mine.parent.iterdir()] == [mine.name]
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("turned", [False, True])
def test_two_runs_are_compared_from_the_one_that_started_first(reports, tmp_path, turned):
    pair = reports[::-1] if turned else reports
    CliRunner().invoke(app, ["report", "--compare", *pair], catch_exceptions=False)
    page = tmp_path / "workspace" / "rendered" / "-".join(reports) / "compare.html"
    assert page.read_text().index("1 March 2026") < page.read_text().index("2 March 2026")


def test_what_is_not_there_is_an_error(reports):
    with pytest.raises(PipelineError, match="which is not a report"):
        CliRunner().invoke(app, ["report", "nowhere"], catch_exceptions=False)


def test_no_browser_is_said_before_anything_is_made(reports, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("reports.common.pdf.APPLICATIONS", ())
    with pytest.raises(PipelineError, match="no browser that prints"):
        CliRunner().invoke(app, ["report", "--pdf"], catch_exceptions=False)
    assert not (tmp_path / "workspace" / "rendered").exists()
