import pandas as pd
import pytest

from benchmarks.labels.clicks import answer_suspects
from benchmarks.labels.judging import CLEAR, CROWD, PUBLISHED, judge
from data.quality.label_corrections import REMOVE
from models.jobs.files import PREDICTIONS_NAME

LABELS = ("happy", "sad")


def test_suspects_of_train_are_answered_as_the_crowd_did():
    votes = {"a": [1.0, 8.0, 0.0, 1.0, 0.0], "b": [6.0, 4.0, 0.0, 0.0, 0.0], "c": [1.0, 0.0, 0.0, 0.0, 9.0], "d": None}
    manifest = pd.DataFrame({"path": list(votes), "votes": list(votes.values())})
    suspects = pd.DataFrame(
        {"image_id": ["c", "a", "d", "b", "v"], "label": "happy", "split": ["train"] * 4 + ["test"]}
    )
    answered = answer_suspects(suspects, manifest, LABELS)
    assert dict(zip(answered["image_id"], answered["new_label"], strict=True)) == {
        "c": REMOVE,
        "a": "sad",
        "b": "happy",
    }


def test_trainings_are_judged_by_label_by_crowd_and_where_the_crowd_is_clear(tmp_path):
    truth = pd.DataFrame(
        {"published": [0, 0, 0, 1], "crowd": [0, 1, 1, 1], "clear": [True, True, False, True], "group": list("wxyz")},
        index=["w", "x", "y", "z"],
    )
    for seed, happy in enumerate(([0.9, 0.8, 0.2, 0.1], [0.9, 0.2, 0.8, 0.1])):
        rows = {"image_id": ["z", "y", "x", "w"], "part": "validation", "label": [1, 0, 0, 0]}
        (tmp_path / str(seed)).mkdir()
        answers = pd.DataFrame(rows | {"probability_0": happy[::-1], "probability_1": [1 - p for p in happy[::-1]]})
        answers.to_parquet(tmp_path / str(seed) / PREDICTIONS_NAME)
    judged = judge([tmp_path / "0", tmp_path / "1"], truth, LABELS)
    assert {name: one.value for name, one in judged.accuracy.items()} == pytest.approx(
        {PUBLISHED: 0.75, CROWD: 0.75, CLEAR: 5 / 6}
    )
    assert judged.images == {PUBLISHED: 4, CROWD: 4, CLEAR: 3}
    assert judged.recall == pytest.approx({"happy": 1.0, "sad": 4 / 6})
