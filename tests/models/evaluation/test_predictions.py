"""Stored predictions are read part by part, in one order, and are right where the most probable class is the label."""

import numpy as np
import pandas as pd

from models.evaluation.predictions import correctness_of, name_columns, probabilities_of, read_predictions
from models.jobs.files import PREDICTIONS_NAME
from tests.support.seed_format import CLASSES

FRAME = pd.DataFrame(
    {
        "image_id": ["v/c", "t/a", "v/a", "v/b"],
        "part": ["validation", "test", "validation", "validation"],
        "label": [3, 0, 1, 2],
        "probability_3": [0.5, 0.0, 0.25, 0.125],
        "probability_2": [0.25, 0.0, 0.25, 0.5],
        "probability_1": [0.125, 0.0, 0.5, 0.25],
        "probability_0": [0.125, 1.0, 0.0, 0.125],
    }
)


def test_one_column_a_class_in_the_order_of_the_labels():
    assert name_columns(len(CLASSES)) == ["probability_0", "probability_1", "probability_2", "probability_3"]
    expected = [[0.125, 0.125, 0.25, 0.5], [1, 0, 0, 0], [0, 0.5, 0.25, 0.25], [0.125, 0.25, 0.5, 0.125]]
    probabilities = probabilities_of(FRAME)
    assert probabilities.tolist() == expected
    assert probabilities.dtype == np.float32


def test_a_part_is_read_alone_and_sorted_by_image(tmp_path):
    FRAME.to_parquet(tmp_path / PREDICTIONS_NAME)
    read = read_predictions(tmp_path, "validation")
    assert read["image_id"].tolist() == ["v/a", "v/b", "v/c"]
    assert read["label"].tolist() == [1, 2, 3]
    assert read.index.tolist() == [0, 1, 2]
    assert read_predictions(tmp_path, "test")["image_id"].tolist() == ["t/a"]
    assert read_predictions(tmp_path, "selection").empty


def test_an_answer_is_right_where_the_most_probable_class_is_the_label():
    assert correctness_of(FRAME).tolist() == [True, True, True, True]
    assert correctness_of(FRAME.assign(label=[3, 1, 2, 2])).tolist() == [True, False, False, True]


def test_of_two_equally_probable_classes_the_first_is_the_answer():
    tie = pd.DataFrame([[0.0, 0.5, 0.5, 0.0]] * 2, columns=name_columns(len(CLASSES))).assign(label=[1, 2])
    assert correctness_of(tie).tolist() == [True, False]
