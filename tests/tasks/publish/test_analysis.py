"""Which report a run is compared with: the newest one on its source that was there when it started."""

import json
from pathlib import Path

from data.records.run import RunResults
from data.workspace.digests import checksum_files
from data.workspace.layout import RESULTS_NAME
from data.workspace.stage_record import StageRecord
from tasks.publish.analysis import find_last_report
from tests.support.results_factory import make_data, make_results


def publish(root: Path, key: str, results: RunResults, created: str, text: str = "") -> None:
    """Write a finished report stage."""
    path = root / "reports" / key
    path.mkdir(parents=True)
    (path / RESULTS_NAME).write_text(text or results.model_dump_json())
    record = StageRecord(stage="reports", key=key, created=created, inputs={}, files=checksum_files(path))
    (path / "_complete.json").write_text(record.model_dump_json())


def test_the_newest_earlier_report_on_the_source_is_compared_with(tmp_path):
    run = make_results(tmp_path / "run", trained=1, started="2026-03-14T09:00:00+00:00")
    others = run.model_copy(update={"data": make_data().model_copy(update={"source": "elsewhere"})})
    publish(tmp_path, "a" * 16, run.model_copy(update={"run_name": "older"}), "2026-03-01T00:00:00+0000")
    publish(tmp_path, "b" * 16, run.model_copy(update={"run_name": "newer"}), "2026-03-02T00:00:00+0000")
    publish(tmp_path, "c" * 16, others, "2026-03-03T00:00:00+0000")
    publish(tmp_path, "d" * 16, run, "2026-03-04T00:00:00+0000", json.dumps({"of": "another version"}))
    publish(tmp_path, "e" * 16, run, "2026-03-15T00:00:00+0000")
    found = find_last_report(run, tmp_path, own_key="f" * 16)
    assert found and found.run_name == "newer"
    own = find_last_report(run, tmp_path, own_key="b" * 16)
    assert own and own.run_name == "older"


def test_the_first_report_has_none_before_it(tmp_path):
    assert find_last_report(make_results(tmp_path / "run", trained=0), tmp_path, own_key="a" * 16) is None
