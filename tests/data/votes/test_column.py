import numpy as np
import pandas as pd
import pytest

from data.base.errors import PipelineError
from data.votes.column import NOBODY, choose_majority, is_no_face, share_agreed, stack_votes

NAN = float("nan")
VOTES = np.array(
    [
        [6, 3, 0, 1, 0, 0],  # the first class has most votes
        [4, 4, 0, 2, 0, 0],  # two classes are tied
        [0, 3, 1, 0, 6, 0],  # most people gave no answer
        [0, 0, 0, 9, 1, 0],  # nobody chose a class
        [NAN] * 6,
    ],
    np.float32,
)


def test_the_choice_is_the_class_with_most_votes():
    assert choose_majority(VOTES, np.array([1, 2, 0, 0, 0])).tolist() == [0, 0, 1, NOBODY, NOBODY]


def test_of_tied_classes_the_published_one_is_chosen():
    assert choose_majority(VOTES[1:2], np.array([1])).tolist() == [1]


def test_agreement_counts_all_people():
    assert share_agreed(VOTES) == pytest.approx([0.6, 0.4, 0.3, NAN, NAN], nan_ok=True)


def test_a_column_becomes_rows_and_images_without_votes_are_nan():
    manifest = pd.DataFrame({"path": ["a", "b"], "votes": [[1.0, 2.0, 0.0, 0.0, 0.5], None]})
    assert stack_votes(manifest, 2).tolist()[0] == [1, 2, 0, 0, 0.5]
    assert np.isnan(stack_votes(manifest, 2)[1]).all()


def test_a_manifest_without_votes_has_rows_of_nan():
    votes = stack_votes(pd.DataFrame({"path": ["a", "b"]}), 4)
    assert votes.shape == (2, 7) and np.isnan(votes).all()


def test_votes_for_other_classes_are_refused():
    with pytest.raises(PipelineError, match="got 5 votes for an image, expected 6"):
        stack_votes(pd.DataFrame({"votes": [[1.0, 2.0, 0.0, 0.0, 0.0]]}), 3)


def test_no_face_needs_most_votes():
    votes = np.array([[1, 2, 0, 3, 4], [1, 4, 0, 1, 4], [NAN] * 5], np.float32)
    assert is_no_face(votes).tolist() == [True, False, False]
