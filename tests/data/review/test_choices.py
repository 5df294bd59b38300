"""What can be answered: every answer has keys that no other has, and words of other tools are understood."""

import pytest

from data.review.choices import find_answer, list_answers, list_choices

SEVEN = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


@pytest.mark.parametrize(
    "labels", [SEVEN, ("a", "b"), tuple(f"class {number}" for number in range(30)), ("ouxzi", "zoo")], ids=len
)
def test_no_key_has_two_meanings(labels):
    keys = [key for choice in list_choices(labels) for key in choice.keys]
    assert len(keys) == len(set(keys))
    assert not {"z", "i", " "} & set(keys)


def test_classes_come_first_with_their_own_letters():
    keys = {choice.value: choice.keys for choice in list_choices(SEVEN)}
    assert list(keys)[:7] == list(SEVEN)
    assert keys["angry"] == ("1", "a") and keys["surprise"] == ("7", "r")
    assert keys["no_face"] == ("x",)


def test_a_class_that_is_named_like_an_extra_answer_is_a_class():
    choices = {choice.value: choice for choice in list_choices(("happy", "other"))}
    assert choices["other"].is_class
    assert list_answers(("happy", "other")) == ("happy", "other", "unknown", "no_face")


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("Happiness", "happy"),
        ("SAD", "sad"),
        ("contempt", "other"),
        ("anger", "other"),
        ("NF", "no_face"),
        ("remove", "no_face"),
        ("No face", "no_face"),
        ("unknown", "unknown"),
        ("annotator", ""),
        ("", ""),
    ],
)
def test_words_of_other_tools(word, answer):
    assert find_answer(word, ("happy", "neutral", "sad", "surprise")) == answer
