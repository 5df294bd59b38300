"""Predictions of a part, and the signs of life of a long one."""

import json

import numpy as np
import pytest

from models.evaluation.predictions import probabilities_of
from models.training import predict
from models.training.predict import predict_part


class Sure:
    """Stands in for a network: predicting the same for every image takes no Keras."""

    def predict_on_batch(self, images):
        return np.tile(np.array([0.1, 0.2, 0.3, 0.4], np.float32), (len(images), 1))


BATCHES = [
    (np.zeros((2, 48, 48, 1), np.uint8), np.array([0, 3]), np.array([b"a", b"b"])),
    (np.zeros((1, 48, 48, 1), np.uint8), np.array([1]), np.array([b"c"])),
]


def test_a_row_an_image_in_the_order_of_the_batches():
    frame = predict_part(Sure(), BATCHES, "validation")
    assert frame[["image_id", "part", "label"]].to_numpy().tolist() == [
        ["a", "validation", 0],
        ["b", "validation", 3],
        ["c", "validation", 1],
    ]
    np.testing.assert_allclose(probabilities_of(frame), np.tile(np.array([0.1, 0.2, 0.3, 0.4], np.float32), (3, 1)))


@pytest.mark.parametrize(("seconds", "told"), [(0.0, [1, 2]), (60.0, [])])
def test_a_long_prediction_gives_signs_of_life(seconds, told, monkeypatch, capsys):
    monkeypatch.setattr(predict, "PROGRESS_SECONDS", seconds)
    predict_part(Sure(), BATCHES, "test")
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["batches"] for event in events] == told
    assert all((event["event"], event["part"]) == ("predicting", "test") for event in events)
