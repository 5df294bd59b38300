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


def test_only_files_of_people_are_listed(tmp_path):
    open_log(tmp_path, "anna").add(make_line(picture_name(1), "sad"))
    AnswerLog(reviews_folder(tmp_path) / "feedback" / "other.jsonl").add(make_line(picture_name(1), "sad"))
    (reviews_folder(tmp_path) / ".hidden.jsonl").touch()
    (reviews_folder(tmp_path) / "notes.txt").touch()
    assert list_reviewers(tmp_path) == ["anna"]
