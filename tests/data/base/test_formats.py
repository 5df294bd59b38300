"""Formats of data sets: those of publications, what a person may say, and the names that classes have in folders."""

import pytest
from pydantic import ValidationError

from data.base.data_format import SEED_FORMAT, DataFormat
from data.base.named_formats import NAMED_FORMATS, FormatChoice
from data.base.names import ClassNames


def test_the_default_is_the_seeds() -> None:
    assert SEED_FORMAT.labels == ("happy", "neutral", "sad", "surprise")
    assert SEED_FORMAT.shape == (48, 48, 1)
    assert FormatChoice().class_names().labels == SEED_FORMAT.labels


def test_every_publication_names_expressions_by_the_same_words() -> None:
    known = {label for one in NAMED_FORMATS.values() for label in one.data_format.labels}
    assert known == {"angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise"}
    assert NAMED_FORMATS["fer2013"].numbers["6"] == NAMED_FORMATS["rafdb"].numbers["7"] == "neutral"
    assert NAMED_FORMATS["ckplus"].numbers["1"] == "angry"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("happy",), "at least 2"),
        (("a", "b", "a"), "each once"),
        (("a", "b/c"), "pattern"),
        (("a", ""), "at least 1"),
        *[(("a", f"{sign}b"), "spreadsheets take for a formula: rename the class") for sign in "=+-@"],
    ],
)
def test_labels_that_are_none_are_refused(labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DataFormat(labels=labels)
    with pytest.raises(ValidationError, match=message):
        FormatChoice(labels=labels)


def test_a_size_is_that_of_a_network_or_none() -> None:
    assert FormatChoice(image_size=0).image_size == 0
    for size in (1, 31, 225, -1):
        with pytest.raises(ValidationError, match="image_size"):
            FormatChoice(image_size=size)


@pytest.mark.parametrize(
    ("labels", "name", "label"),
    [
        (("angry", "happy"), "Anger", "angry"),
        (("anger", "joy"), "happiness", "joy"),
        (("anger", "joy"), "Angry ", "anger"),
        (("calm", "neutral"), "calm", "calm"),
        (("calm", "neutral"), "neutral", "neutral"),
        (("neutral", "sad"), "calm", "neutral"),
        (("neutral", "sad"), "fear", None),
        (("class a", "class b"), "Class_A", "class a"),
    ],
)
def test_a_folder_means_the_class_named_so_or_else_by_another_word(
    labels: tuple[str, ...], name: str, label: str | None
) -> None:
    assert ClassNames(labels).find(name) == label


def test_numbers_mean_what_the_publication_says() -> None:
    rafdb, fer = (FormatChoice(name=name).class_names() for name in ("rafdb", "fer2013"))
    assert [rafdb.find(number) for number in ("1", "01", "7", "8")] == ["surprise", "surprise", "neutral", None]
    assert [fer.find(number) for number in ("0", "00", "6", "7")] == ["angry", "angry", "neutral", None]
    assert FormatChoice(name="fer2013", labels=("yes", "no")).class_names().find("0") is None
    some = FormatChoice(name="fer2013", labels=("sad", "happy")).class_names()
    assert [some.find(number) for number in ("3", "4", "0")] == ["happy", "sad", None]
    assert FormatChoice().class_names().find("0") is None, "the seed has no numbers"


def test_with_found_labels_every_folder_is_a_class() -> None:
    for choice in (FormatChoice(labels=("auto",)), FormatChoice(name="auto")):
        assert choice.finds_labels and choice.class_names().find("Any Thing") == "Any Thing"
    assert not FormatChoice(name="auto", labels=("a", "b")).finds_labels
