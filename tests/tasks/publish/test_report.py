"""The index of the reports is written again if it does not name a report that exists."""

from data.workspace.store import Produced
from tasks.publish.report import is_listed


def test_a_report_is_listed_if_the_index_names_it(tmp_path):
    report = Produced(stage="reports", key="5a54179de38933b7", path=tmp_path / "5a54179de38933b7", cached=True)
    assert not is_listed(report), "there is no index"
    index = tmp_path / "index.html"
    index.write_text('<a href="0000000000000000/index.html">')
    assert not is_listed(report), "a run was killed after its report and before the index"
    index.write_text('<a href="5a54179de38933b7/index.html">')
    assert is_listed(report)
