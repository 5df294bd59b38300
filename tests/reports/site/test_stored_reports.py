"""Published reports are found again by key, beginning, name and age, wherever the workspace is by now."""

import pytest

from data.base.errors import PipelineError
from data.workspace.store import Workspace
from reports.run.page import render_report
from reports.site.stored_reports import find_report, list_reports, report_sources
from tests.support.results_factory import make_results


@pytest.fixture
def workspace(tmp_path):
    """A workspace with two reports of other days, made elsewhere."""
    space = Workspace(tmp_path / "workspace", reserve_bytes=0)
    views = space.produce("views", {"name": "views"}, lambda out: None)
    for day, name in ((1, "first"), (2, "second")):
        results = make_results(
            tmp_path / "elsewhere" / name,
            trained=1,
            run_name=name,
            started=f"2026-03-0{day}T09:00:00+00:00",
            lineage={"views": views.key, "audits": "0123456789abcdef"},
        )
        report = space.produce("reports", {"day": day}, lambda out, results=results: render_report(results, out))
        record = report.path / "_complete.json"
        record.write_text(
            record.read_text().replace('"created": "20', f'"created": "200{day}-03-01T00:00:00+00:00","x":"')
        )
    return space.root


def test_reports_are_found_by_age_name_and_key(workspace):
    reports, unreadable = list_reports(workspace)
    assert unreadable == []
    assert [report.results.run_name for report in reports] == ["second", "first"]
    assert find_report(reports, "last") is reports[0]
    assert find_report(reports, "first") is reports[1]
    for report in reports:
        assert find_report(reports, report.key) is report
        assert find_report(reports, report.key[:12]) is report


@pytest.mark.parametrize("wanted", ["third", "", "zz"])
def test_what_is_not_there_is_said_with_what_is(workspace, wanted):
    reports, _ = list_reports(workspace)
    with pytest.raises(PipelineError, match="which is not a report") as caught:
        find_report(reports, wanted)
    assert all(report.key in str(caught.value) for report in reports)


def test_an_ambiguous_beginning_is_refused(workspace):
    reports, _ = list_reports(workspace)
    twins = [report._replace(path=report.path.with_name(f"abc{i}")) for i, report in enumerate(reports)]
    with pytest.raises(PipelineError, match="begins several keys"):
        find_report(twins, "abc")


def test_an_empty_workspace_says_how_to_get_a_report(tmp_path):
    assert list_reports(tmp_path) == ([], [])
    with pytest.raises(PipelineError, match="emotion run"):
        find_report([], "last")


@pytest.mark.parametrize("name", ["results.json", "_complete.json"])
@pytest.mark.parametrize("content", [b"{}", b"", b'{"run_name": "\xff"}'])
def test_a_damaged_report_is_set_apart(workspace, name, content):
    reports, _ = list_reports(workspace)
    (reports[0].path / name).write_bytes(content)
    left, unreadable = list_reports(workspace)
    assert [report.key for report in left] == [reports[1].key]
    assert unreadable == [reports[0].path]


def test_sources_and_variants_are_looked_for_in_this_workspace(workspace):
    report = list_reports(workspace)[0][0]
    sources = report_sources(report)
    assert sources.pictures is not None
    assert sources.pictures.is_relative_to(workspace / "views")
    assert (sources.verdict, sources.audit) == (None, None)  # not in the lineage; removed by now
    directories = [variant.directory for variant in report.results.variants if variant.directory]
    assert directories
    assert all(directory.startswith(str(workspace / "variants")) for directory in directories)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2026-03-01T09:30:00+0200", "2026-03-01T08:00:00+0000"),  # two zones on one workspace
        ("2026-10-25T02:50:00+0200", "2026-10-25T02:10:00+0100"),  # the autumn hour
        ("not a time", "1999-01-01T00:00:00+0000"),
    ],
)
def test_the_last_report_is_the_last_instant(workspace, first, second):
    for report in list_reports(workspace)[0]:
        record = report.path / "_complete.json"
        made = first if report.results.run_name == "first" else second
        record.write_text(record.read_text().replace(report.created, made))
    assert [report.results.run_name for report in list_reports(workspace)[0]] == ["second", "first"]
