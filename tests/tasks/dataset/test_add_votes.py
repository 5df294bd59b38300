"""Votes of people on their way from a file to the summary and the datasheet of the judged data set."""

import hashlib

import pandas as pd
import pytest
from prefect.logging import disable_run_logger

from data.base.errors import PipelineError
from data.base.named_formats import FormatChoice
from data.manifest.table import read_manifest, write_manifest
from data.sources.source import DatasetSource
from data.votes.agreement import describe_crowd
from data.votes.column import VOTES
from data.workspace.stage_record import read_record
from data.workspace.store import Workspace
from expectations.policies import RulePolicies
from tasks.dataset import validate
from tasks.dataset.add_votes import add_votes, load_crowd, load_votes_match
from tasks.dataset.correct_labels import correct_labels
from tasks.publish.run_results import trace_votes_and_corrections
from tasks.support.outcomes import record_of
from tests.support.image_tree import make_manifest
from tests.support.seed_format import CLASSES

POLICIES = RulePolicies(enough_images="off", splits_alike="off")
HEADER = "image,happy,neutral,sad,surprise,unknown,no_face"
VOTED = ["train/happy/0.jpg,9,1,0,0,0,0", "train/neutral/2.jpg,0,0,0,0,1,9", "validation/sad/12.jpg,0,6,4,0,0,0"]


@pytest.fixture
def manifest(tmp_path):
    """Return a stored manifest of two images of each class in each split, and its workspace."""
    content = [
        (split, label, f"{split}{label}{number}")
        for split in ("train", "validation", "test")
        for label in CLASSES
        for number in range(2)
    ]
    workspace = Workspace(tmp_path / "workspace")
    frame = make_manifest(content)
    return workspace.produce("manifests", {}, lambda out: write_manifest(frame, out / "manifest.parquet")), workspace


def write_votes(path, rows):
    path.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    return path


def vote(manifest, path):
    produced, workspace = manifest
    with disable_run_logger():
        return record_of(add_votes.fn(produced, path, workspace, FormatChoice()))


def judge(manifest, workspace):
    with disable_run_logger():
        source = DatasetSource(kind="folder", location="/images")
        return record_of(validate.validate_data.fn(manifest, source, POLICIES, 7, workspace))


def test_votes_are_a_column_and_what_they_say_is_in_the_summary(manifest, tmp_path):
    voted = vote(manifest, write_votes(tmp_path / "votes.csv", VOTED))
    votes = read_manifest(voted.path / "manifest.parquet").set_index("path")[VOTES]
    assert list(votes["train/happy/0.jpg"]) == [9, 1, 0, 0, 0, 0, 0] and votes["train/sad/5.jpg"] is None
    summary = validate.load_summary(dataset := judge(voted, manifest[1]))
    assert summary.votes == load_votes_match(voted) and summary.crowd == load_crowd(voted)
    assert summary.crowd and (summary.crowd.images, summary.crowd.agreed, summary.crowd.no_face) == (2, 1, 1)
    assert [(count.reason, count.images) for count in summary.quarantine] == [("no_face_by_votes", 1)]
    assert VOTES in pd.read_parquet(dataset.path / "manifest.parquet")
    datasheet = (dataset.path / "datasheet.md").read_text()
    assert "**Do people agree on the labels?**" in datasheet and "for 1 of 2 images (50.0%)" in datasheet


def test_without_votes_everything_is_as_it_was(manifest):
    summary = validate.load_summary(dataset := judge(*manifest))
    assert summary.votes is None and summary.crowd is None
    assert "no_face_by_votes" not in {finding.rule for finding in summary.before.findings}
    assert VOTES not in pd.read_parquet(dataset.path / "manifest.parquet")
    assert "agree on the labels" not in (dataset.path / "datasheet.md").read_text()


def test_the_key_is_that_of_the_content_of_the_file(manifest, tmp_path):
    first = vote(manifest, write_votes(tmp_path / "votes.csv", VOTED))
    again = vote(manifest, write_votes(tmp_path / "elsewhere.csv", VOTED))
    other = vote(manifest, write_votes(tmp_path / "votes.csv", VOTED[:2]))
    assert again.key == first.key and again.cached
    assert other.key != first.key


def test_an_answer_of_a_person_holds_instead_of_the_votes(manifest, tmp_path):
    voted = vote(manifest, write_votes(tmp_path / "votes.csv", VOTED))
    named = {"train/happy/0.jpg": "trainhappy0", "train/neutral/2.jpg": "trainneutral0"}
    rows = [f"{path},neutral,{hashlib.sha256(shown.encode()).hexdigest()}" for path, shown in named.items()]
    corrections = tmp_path / "relabel.csv"
    corrections.write_text("\n".join(["image_id,new_label,pixel_sha256", *rows]))
    with disable_run_logger():
        corrected = record_of(correct_labels.fn(voted, corrections, manifest[1]))
    frame = read_manifest(corrected.path / "manifest.parquet").set_index("path")
    assert frame.loc["train/happy/0.jpg", "label"] == "neutral" and frame[VOTES].notna().sum() == 3
    assert [list(frame.loc[path, VOTES]) for path in named] == [[0, 1, 0, 0, 0, 0, 0]] * 2, "one vote: the answer"
    assert list(frame.loc["validation/sad/12.jpg", VOTES]) == [0, 6, 4, 0, 0, 0, 0]
    assert describe_crowd(frame, CLASSES).ceiling == pytest.approx(0.6), "one vote says nothing of how people agree"
    summary = validate.load_summary(judge(corrected, manifest[1]))
    assert summary.relabel and (summary.relabel.relabelled, summary.relabel.votes_replaced) == (1, 2)
    assert not summary.quarantine, "the person says that there is a face"
    assert summary.crowd == load_crowd(voted), "of the labels as published"
    lineage = trace_votes_and_corrections(manifest[1].root, corrected.key)
    recorded = read_record(voted.path).inputs["votes_sha256"], read_record(corrected.path).inputs["relabel_sha256"]
    assert tuple(lineage.values()) == recorded[::-1]


def test_a_missing_file_is_named(manifest, tmp_path):
    with pytest.raises(PipelineError, match=r"nowhere\.csv is not there; expected a CSV or Parquet"):
        vote(manifest, tmp_path / "nowhere.csv")
