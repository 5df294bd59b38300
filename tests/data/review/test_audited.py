"""Which audit of a workspace is reviewed: the one used last, unless it judged nothing."""

import os

import pytest

from data.records.label_audit import LabelAudit
from data.review.audited import find_latest_audit
from data.workspace.layout import AUDIT_NAME, AUDITS_STAGE
from tests.support.review_factory import make_audited_workspace


def refuse(folder):
    """Make an audit one that judged no image."""
    audit = LabelAudit.model_validate_json((folder / AUDIT_NAME).read_bytes())
    weak = audit.model_copy(update={"images": 0, "suspects": (), "reason": "the networks are too weak"})
    (folder / AUDIT_NAME).write_text(weak.model_dump_json())


@pytest.fixture
def audits(tmp_path):
    """Return the directories of two audits, the one used last first."""
    root = make_audited_workspace(tmp_path)
    [first] = (root / AUDITS_STAGE).glob("[!.]*")
    make_audited_workspace(tmp_path, round_number=2)
    [second] = set((root / AUDITS_STAGE).glob("[!.]*")) - {first}
    os.utime(first / "_complete.json", (1, 1))
    return second, first


def test_the_audit_that_was_used_last_is_reviewed(tmp_path, audits):
    assert find_latest_audit(tmp_path).key == audits[0].name


def test_an_audit_that_judged_nothing_takes_no_images_from_the_page(tmp_path, audits):
    refuse(audits[0])
    assert find_latest_audit(tmp_path).key == audits[1].name


def test_without_another_one_its_reason_is_told(tmp_path, audits):
    for folder in audits:
        refuse(folder)
    assert find_latest_audit(tmp_path).key == audits[0].name


def test_a_damaged_audit_is_not_passed_over_in_silence(tmp_path, audits):
    (audits[0] / AUDIT_NAME).write_text("{")
    assert find_latest_audit(tmp_path).key == audits[0].name
