"""By which labels the reports of a workspace judged a training."""

import json

import pytest

from data.workspace.layout import REPORTS_STAGE
from data.workspace.stage_record import RECORD_NAME
from data.workspace.store import Workspace
from models.export.reported import Reported, find_reported

TRAINING, OTHER = "1" * 16, "2" * 16


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def publish(workspace, day, training=TRAINING, **inputs):
    """Write a report of this day in March that names a training; returns its key."""
    named = {"variants": {"light": ["trained", "", 3, training]}, "dataset": f"{day:016x}", **inputs}
    report = workspace.produce(REPORTS_STAGE, named, lambda out: (out / "results.json").write_text("{}"))
    path = report.path / RECORD_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {"created": f"2026-03-{day:02}T00:00:00+0000"}))
    return report.key


def test_no_report_names_it(workspace):
    assert find_reported(workspace.root, TRAINING) is None
    publish(workspace, 1, OTHER, truth="crowd")
    assert find_reported(workspace.root, TRAINING) is None


def test_the_newest_report_that_names_it_counts(workspace):
    publish(workspace, 3, truth="clear")
    publish(workspace, 2, truth="crowd")
    publish(workspace, 4, OTHER, truth="published")
    assert find_reported(workspace.root, TRAINING) == Reported("clear", f"{3:016x}")


def test_the_report_of_a_version_counts_as_long_as_it_is_there(workspace):
    own = publish(workspace, 1, truth="crowd")
    publish(workspace, 2, truth="published")
    assert find_reported(workspace.root, TRAINING, own) == Reported("crowd", f"{1:016x}")
    (workspace.root / REPORTS_STAGE / own / RECORD_NAME).write_text("no record")
    assert find_reported(workspace.root, TRAINING, own) == Reported("published", f"{2:016x}")


def test_a_report_of_an_earlier_release_judged_by_published_labels(workspace):
    publish(workspace, 1)
    found = find_reported(workspace.root, TRAINING)
    assert found is not None and found.truth == "published" and found.inputs == {}
