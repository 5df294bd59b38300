"""What networks say on an image: the mean of those that did not learn from it."""

import pandas as pd
import pytest

from models.evaluation.predictions import name_columns
from models.jobs.files import PREDICTIONS_NAME
from serving.review.opinions import read_opinions


def write(folder, rows, classes=2):
    folder.mkdir()
    columns = ["image_id", "part", *name_columns(classes)]
    pd.DataFrame(rows, columns=columns).to_parquet(folder / PREDICTIONS_NAME, index=False)
    return folder


def test_networks_that_learnt_from_an_image_do_not_count(tmp_path):
    one = write(tmp_path / "one", [("a.jpg", "test", 0.9, 0.1), ("b.jpg", "train", 0.0, 1.0)])
    other = write(tmp_path / "other", [("a.jpg", "validation", 0.5, 0.5), ("b.jpg", "test", 0.7, 0.3)])
    found = read_opinions([one, other], ["happy", "sad"])
    assert found["a.jpg"] == pytest.approx({"happy": 0.7, "sad": 0.3})
    assert found["b.jpg"] == pytest.approx({"happy": 0.7, "sad": 0.3})


def test_networks_without_predictions_or_of_other_classes_are_left_out(tmp_path):
    three = write(tmp_path / "three", [("a.jpg", "test", 0.9, 0.1, 0.0)], classes=3)
    assert read_opinions([tmp_path, three], ["happy", "sad"]) == {}
