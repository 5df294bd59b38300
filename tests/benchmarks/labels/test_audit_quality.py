"""The judge of the audit: what the votes say about labels and suspects, and how the random sample is answered."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.command import Usage
from benchmarks.labels.audit_quality import Audited, answer_sample, judge_audit, read_votes, tabulate_judged
from data.base.errors import PipelineError
from data.records.label_audit import ExpectedPrecision, LabelAudit, Suspect

VOTES = {
    "train/happy/a.jpg": (0, 10, 0, 0, 0),
    "train/happy/b.jpg": (7, 3, 0, 0, 0),
    "train/sad/c.jpg": (9, 0, 0, 1, 0),
    "val/sad/d.jpg": (5, 0, 0, 5, 0),
    "train/sad/unseen.jpg": (0, 0, 0, 0, 10),
}


@pytest.fixture
def source(tmp_path):
    table = pd.DataFrame(
        [(path, *counts) for path, counts in VOTES.items()],
        columns=["image", "neutral", "happiness", "surprise", "sadness", "no_face"],
    )
    table.to_csv(tmp_path / "FER2013_votes.csv", index=False)
    return str(tmp_path / "images.zip")


@pytest.fixture
def audited(tmp_path):
    paths = [path.replace("val/", "validation/") for path in VOTES]
    suspects = tuple(
        Suspect(image_id=path, label=path.split("/")[1], suggested_label="neutral", suspicion=suspicion)
        for path, suspicion in zip(paths[1:], (0.9, 0.8, 0.7, 0.6), strict=True)
    )
    expected = (ExpectedPrecision(first=2, share=0.9, low=0.8, high=0.95),)
    counts = {"images_per_class": (2, 0, 3, 0), "suspected_per_class": (1, 0, 3, 0)}
    audit = LabelAudit(images=5, agreement=0.5, noise=(), suspects=suspects, expected=expected, **counts)
    manifest = pd.DataFrame({"path": paths, "label": [path.split("/")[1] for path in paths]})
    return Audited("no answers", Usage(1, 2, 3, ""), audit, tmp_path, manifest)


def test_labels_are_judged_by_majority_and_by_few_votes_and_a_tie_is_right(source, audited):
    majority, few = judge_audit(audited, read_votes(source), set())
    assert majority.wrong.tolist() == [False, True, True, False]
    assert majority.suspected.tolist() == [True, True, False], "an image without votes for the classes is left out"
    assert few.wrong.tolist() == [False, False, True, False]
    assert few.suspected.tolist() == [False, True, False]
    assert (majority.precision, majority.recall, majority.first) == pytest.approx((2 / 3, 1, 2 / 3))


def test_answered_images_are_not_judged(source, audited):
    majority, _ = judge_audit(audited, read_votes(source), {"train/happy/b.jpg"})
    assert majority.wrong.tolist() == [False, True, False]
    assert majority.suspected.tolist() == [True, False]


def test_figures_have_intervals_and_what_was_expected_stands_beside_what_is(source, audited):
    majority, _ = judge_audit(audited, read_votes(source), set())
    row = tabulate_judged(audited, majority)
    assert row["precision"].startswith("66.7 (") and row["recall"].startswith("100.0 (34.2 to 100.0")
    assert row["precision that the audit expects"] == "first 2: 90.0 (80.0 to 95.0)"


def test_the_sample_is_answered_by_one_vote_of_each_image(tmp_path, source):
    sample, filled = tmp_path / "sample.csv", tmp_path / "filled.csv"
    images = ["train/happy/a.jpg", "train/sad/c.jpg", "train/sad/unseen.jpg"]
    pd.DataFrame({"image_id": images, "new_label": ""}).to_csv(sample, index=False)
    assert answer_sample(sample, read_votes(source), filled) == set(images[:2])
    answers = pd.read_csv(filled, keep_default_na=False, encoding="utf-8-sig")["new_label"].tolist()
    assert answers[0] == "happy" and answers[1] in ("neutral", "sad") and answers[2] == ""


def test_missing_votes_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("VOTES", str(tmp_path / "nowhere.csv"))
    with pytest.raises(PipelineError, match=r"nowhere\.csv, expected a CSV of votes: name it by VOTES=PATH"):
        read_votes("images.zip")


def test_votes_that_nobody_named_stand_beside_the_source(source):
    assert np.isclose(read_votes(source).loc["validation/sad/d.jpg"].sum(), 10)
