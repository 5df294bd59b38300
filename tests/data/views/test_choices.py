import numpy as np
import pytest

from data.base.errors import PipelineError
from data.views.choices import read_votes, votes_path, write_votes


def test_votes_are_read_as_they_were_written(tmp_path):
    votes = np.array([[7, 3, 0, 0, 0], [np.nan] * 5], np.float32)
    write_votes(tmp_path, "train", votes)
    read = read_votes(tmp_path, "train")
    assert read is not None and read.dtype == np.float32
    np.testing.assert_array_equal(read, votes)


def test_a_data_set_without_votes_has_none(tmp_path):
    assert read_votes(tmp_path, "validation") is None


def test_a_damaged_file_is_named(tmp_path):
    votes_path(tmp_path, "train").write_bytes(b"nothing")
    with pytest.raises(PipelineError, match=r"votes-train\.npy is not a readable array of votes"):
        read_votes(tmp_path, "train")
