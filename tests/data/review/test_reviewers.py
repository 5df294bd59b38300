"""Names of people are names of files: nothing else gets in."""

import pytest

from data.base.errors import PipelineError
from data.review.answer_log import AnswerLog
from data.review.reviewers import check_name, list_reviewers, make_name, open_log, reviews_folder
from tests.support.review_factory import make_line, picture_name


@pytest.mark.parametrize("name", ["", ".", "../anna", "a/b", "a b", "é", "-x", "x" * 41, "anna\n", "a\x00"])
def test_a_name_that_is_no_plain_word_is_refused(name, tmp_path):
    with pytest.raises(PipelineError, match="name of a reviewer"):
        open_log(tmp_path, name)


@pytest.mark.parametrize("text", ["anna@example.org", "../../etc/passwd", "", "Zoë & Co", "x" * 100, "__"])
def test_any_text_gives_a_name(text):
    assert check_name(make_name(text))


@pytest.mark.parametrize(
    ("one", "other"),
    [("müller@x.org", "möller@x.org"), ("Анна", "Ольга"), ("x" * 50 + "1", "x" * 50 + "2"), ("a b", "a_b"), ("", "?")],
)
def test_two_texts_give_two_names(one, other):
    assert make_name(one) != make_name(other)
    assert make_name(one) == make_name(one)


def test_a_prefix_gives_way_to_the_person():
    long = "project-10-at-2026-11-30-10-17-8c1a4b5a"
    names = [make_name(str(number), prefix=long) for number in (1, 2, 31)]
    assert len(set(names)) == 3 and all(check_name(name).startswith("project-10-at-2026") for name in names)
    assert names[2].split("-")[-2] == "31"
    assert make_name("2", prefix="faces") == "faces-2"


def test_only_files_of_people_are_listed(tmp_path):
    open_log(tmp_path, "anna").add(make_line(picture_name(1), "sad"))
    AnswerLog(reviews_folder(tmp_path) / "feedback" / "other.jsonl").add(make_line(picture_name(1), "sad"))
    (reviews_folder(tmp_path) / ".hidden.jsonl").touch()
    (reviews_folder(tmp_path) / "notes.txt").touch()
    assert list_reviewers(tmp_path) == ["anna"]
