"""The queue: the largest doubt first, each picture once, and what a person has answered is not asked again."""

import numpy as np
import pytest

from data.quality.label_corrections import read_answers
from data.review.audited import find_latest_audit, load_audited
from data.review.exchange import load_latest
from data.review.feedback import FeedbackStore, feedback_folder, read_feedback
from data.review.review_queue import build_queue, order_open
from data.review.tally import count_votes, list_pictures, make_relabel, write_relabel
from data.workspace.in_use import StagesInUse, read_stages_in_use
from models.analysis.label_sample import draw_sample
from tests.support.review_factory import make_audited_workspace, make_line
from tests.support.seed_format import CLASSES

DIVIDED = [4, 3, 0, 0, 2, 1, 0]
CLEAR = [9, 1, 0, 0, 0, 0, 0]


def test_suspects_come_with_the_largest_doubt_first(tmp_path):
    data = load_latest(make_audited_workspace(tmp_path, suspects=5))
    queue = build_queue(data)
    assert [item.image_id for item in queue] == [suspect.image_id for suspect in data.audit.suspects]
    assert [item.doubt for item in queue] == sorted((item.doubt for item in queue), reverse=True)
    assert all(item.path.is_file() for item in queue)


def test_images_on_which_nobody_agrees_join_and_clear_ones_do_not(tmp_path):
    votes = {"train/sad/0.jpg": DIVIDED, "train/sad/1.jpg": CLEAR, "train/sad/2.jpg": [0] * 7, "train/sad/3.jpg": None}
    votes["train/sad/4.jpg"] = [0, 0, 3, 0, 0, 0, 7]  # most people saw no face
    queue = build_queue(load_latest(make_audited_workspace(tmp_path, suspects=2, votes=votes)))
    divided = [item for item in queue if item.reason == "divided"]
    found = [(item.image_id, item.doubt) for item in divided]
    assert found == [("train/sad/4.jpg", pytest.approx(0.7)), ("train/sad/0.jpg", pytest.approx(0.6))]
    assert len(queue) == 4


def test_a_suspect_that_is_divided_too_is_asked_once_with_its_larger_doubt(tmp_path):
    data = load_latest(make_audited_workspace(tmp_path, suspects=1, votes={"train/happy/0.jpg": [3, 3, 3, 1, 0, 0, 0]}))
    (item,) = build_queue(data)
    assert (item.reason, item.doubt) == ("divided", pytest.approx(0.7))


def test_the_random_sample_comes_first_and_its_answers_are_those_that_the_audit_takes(tmp_path):
    sample = ("train/sad/0.jpg", "train/happy/0.jpg")
    data = load_latest(make_audited_workspace(tmp_path, suspects=2, sample=sample))
    queue = build_queue(data)
    found = [(item.image_id, item.reason, item.doubt) for item in queue]
    assert found == [
        ("train/happy/0.jpg", "sample", 0.75),  # a suspect too
        ("train/sad/0.jpg", "sample", 0),
        ("train/happy/1.jpg", "suspect", 0.5),
    ]
    lines = {item.picture: make_line(item.picture, "neutral") for item in queue[:2]}
    tally = count_votes([lines], list_pictures(data), CLASSES)
    write_relabel(make_relabel(tally, data), tmp_path / "relabel.csv")
    drawn = draw_sample(data.manifest, read_answers(tmp_path / "relabel.csv"))
    assert dict(drawn.answered["new_label"]) == dict.fromkeys(sample, "neutral")


def test_feedback_joins_with_the_doubt_that_the_champion_had(tmp_path):
    make_audited_workspace(tmp_path, suspects=1)
    face = np.random.default_rng(1).integers(0, 255, (48, 48, 1), dtype=np.uint8)
    FeedbackStore(tmp_path).add(face, "sad", "happy", "emotion/3", {"happy": 0.9, "sad": 0.02})
    queue = build_queue(load_latest(tmp_path), read_feedback(tmp_path), feedback_folder(tmp_path))
    assert [(item.reason, item.doubt) for item in queue] == [("feedback", pytest.approx(0.98)), ("suspect", 0.5)]
    assert queue[0].path.read_bytes().startswith(b"\x89PNG")
    assert (queue[0].label, queue[0].suggested) == ("sad", "happy")


def test_what_was_skipped_comes_at_the_end_and_what_was_answered_not_again(tmp_path):
    queue = build_queue(load_latest(make_audited_workspace(tmp_path, suspects=4)))
    first, second, third, fourth = (item.picture for item in queue)
    lines = {
        first: make_line(first, at="2026-01-05T10:00:02+00:00"),
        second: make_line(second, "sad"),
        third: make_line(third, at="2026-01-05T10:00:01+00:00"),
    }
    assert [item.picture for item in order_open(queue, lines)] == [fourth, third, first]


def test_the_audit_that_was_used_last_is_reviewed(tmp_path):
    make_audited_workspace(tmp_path, suspects=2)
    make_audited_workspace(tmp_path, suspects=3, round_number=2)
    assert len(load_latest(tmp_path).audit.suspects) == 3
    make_audited_workspace(tmp_path, suspects=2)  # the same run again, which finds its audit
    assert len(load_latest(tmp_path).audit.suspects) == 2


def test_an_audit_without_its_images_is_none(tmp_path):
    make_audited_workspace(tmp_path)
    (images,) = (tmp_path / "images").glob("[!.]*")
    images.rename(tmp_path / "elsewhere")
    assert find_latest_audit(tmp_path) is None
    assert find_latest_audit(tmp_path / "nothing") is None


def test_the_stages_of_a_review_are_in_use(tmp_path):
    make_audited_workspace(tmp_path)
    in_use = StagesInUse(tmp_path)
    data = load_audited(tmp_path, find_latest_audit(tmp_path), in_use)
    held = {stage for stage, _ in read_stages_in_use(tmp_path)}
    assert {"audits", "datasets", "images", "variants"} <= held
    assert data.labels == CLASSES
