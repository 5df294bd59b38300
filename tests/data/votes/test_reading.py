"""A file of votes as people have it: separators, names of columns, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from data.base.errors import PipelineError
from data.votes.reading import has_mostly_other, read_votes_file

LABELS = ("happy", "neutral", "sad", "surprise")
HEADER = "image,happy,neutral,sad,surprise,unknown,no_face"


def write(tmp_path, text, name="votes.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_of_fer_plus_are_read_as_the_classes(tmp_path):
    path = write(
        tmp_path,
        "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"
        "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0\n"
        "Training,,0,0,0,0,0,0,0,0,0,10\n",
    )
    table = read_votes_file(path, LABELS)
    assert table.is_fer_plus
    assert table.votes.tolist() == [[0, 4, 1, 0, 5, 0, 0], [0, 0, 0, 0, 0, 0, 10]]
    assert table.keys["image"].tolist() == ["fer0000000.png", ""]
    assert table.columns["contempt"] == "other" and table.columns["NF"] == "no_face"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_may_have_other_separators(tmp_path, separator):
    path = write(tmp_path, f"{HEADER}\na/1.jpg,1,2,3,4,5,6\n".replace(",", separator))
    assert read_votes_file(path, LABELS).votes.tolist() == [[1, 2, 3, 4, 0, 5, 6]]


def test_parquet_is_read_as_csv_is(tmp_path):
    path = tmp_path / "votes.parquet"
    frame = pd.DataFrame({"image": ["a"], "happy": [0.5], "neutral": [np.nan], "sad": [1], "surprise": [0]})
    frame.to_parquet(path)
    table = read_votes_file(path, LABELS)
    assert table.votes.tolist() == [[0.5, 0, 1, 0, 0, 0, 0]] and not table.is_fer_plus


def test_an_empty_cell_is_no_vote_and_remarks_are_ignored(tmp_path):
    path = write(tmp_path, f"{HEADER},remark\na/1.jpg,,2,nan,0,,,blurred\n")
    table = read_votes_file(path, LABELS)
    assert table.votes.tolist() == [[0, 2, 0, 0, 0, 0, 0]] and "remark" not in table.columns


def test_a_class_that_is_named_as_an_answer_stays_a_class(tmp_path):
    path = write(tmp_path, "image,other,sad\na,1,2\n")
    assert read_votes_file(path, ("other", "sad")).votes.tolist() == [[1, 2, 0, 0, 0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (f"{HEADER}\n", "no row"),
        ("happy,neutral,sad,surprise\n1,2,3,4\n", "expected image, the path of each image"),
        ("image,happy,neutral,sad\na,1,2,3\n", "got no column for the class surprise"),
        ("image,happy,joy,neutral,sad,surprise\na,1,2,3,4,5\n", "got happy, joy for the class happy"),
        (f"{HEADER}\na,1,2,3,4,5,6\nb,1,-2,3,4,5,6\n", "got -2 in row 2 of the column neutral"),
        (f"{HEADER}\na,1,2,3,4,5,6\nb,1,many,3,4,5,6\n", "got many in row 2 of the column neutral"),
        (f"{HEADER}\na,1,2,3,4,5,inf\n", "got inf in row 1 of the column no_face"),
        (f"{HEADER}\na,1,2,3,4,5,1e39\n", "got 1e39 in row 1 .* expected how many people chose it, 0 to 1,000,000"),
        (f"{HEADER}\na,1,0,0,0,0,0\nb,0,1e-8,0,0,0,0\n", "got 1e-08 votes in all in row 2, expected none or at least"),
        (f"{HEADER}\na,1,2,3,4,5,6\na,1,2,3,4,5,6\n", "got more than one row for a"),
        (f"{HEADER}\na,1,2\n", "row 1 has 3 values"),
        ("image,happy,happy,neutral,sad,surprise\na,1,2,3,4,5\n", "got the column happy twice"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, message):
    with pytest.raises(PipelineError, match=message):
        read_votes_file(write(tmp_path, text), LABELS)


def test_numbers_that_are_no_votes_show_in_other(tmp_path):
    table = read_votes_file(write(tmp_path, f"{HEADER},age\na,4,0,0,0,0,0,43\nb,0,3,1,0,0,6,51\n"), LABELS)
    assert has_mostly_other(table.votes, len(LABELS))
    table = read_votes_file(write(tmp_path, f"{HEADER},bored\na,4,0,0,0,0,0,1\nb,0,3,1,0,0,6,1\n"), LABELS)
    assert not has_mostly_other(table.votes, len(LABELS))


def test_a_missing_and_a_damaged_file_are_named(tmp_path):
    with pytest.raises(PipelineError, match=r"votes\.csv is not there; expected a CSV or Parquet"):
        read_votes_file(tmp_path / "votes.csv", LABELS)
    with pytest.raises(PipelineError, match="not a readable CSV or Parquet"):
        read_votes_file(write(tmp_path, "no parquet", "votes.parquet"), LABELS)
