"""Answers that a person can give on an image, and the keys that give them."""

from collections.abc import Sequence

from pydantic import Field

from data.base.names import CLASS_SYNONYMS, ClassNames
from data.base.record import Record
from data.votes.column import NO_FACE, OTHER, UNKNOWN

EXTRA_ANSWERS = {OTHER: "another expression", UNKNOWN: "cannot tell", NO_FACE: "no face, or unusable"}

EXTRA_KEYS = {OTHER: ("0", "o"), UNKNOWN: ("?", "u"), NO_FACE: ("x",)}

RESERVED_KEYS = frozenset("ouxzi")
"""Letters with another meaning on the page: those of the other answers, zoom and information."""

DIGITS = "123456789"


class Choice(Record):
    """One answer that a person can give."""

    value: str = Field(description="a class, other, unknown or no_face")
    title: str = Field(description="for people")
    keys: tuple[str, ...] = Field(description="lower case; a class may have none if there are many")
    is_class: bool


def list_choices(labels: Sequence[str]) -> tuple[Choice, ...]:
    """Return the answers that can be given on the images of a data set: its classes, then the others.

    The first nine classes have a digit. A class has a letter if one of its own letters is free; the first counts most.

    Args:
        labels: of the data set, in label order.

    Example:
        >>> [choice.keys for choice in list_choices(["happy", "sad", "surprise"])][:3]
        [('1', 'h'), ('2', 's'), ('3', 'r')]
    """
    letters = _assign_letters(labels)
    classes = tuple(
        Choice(value=label, title=label, keys=(*DIGITS[place : place + 1], *letters.get(label, "")), is_class=True)
        for place, label in enumerate(labels)
    )
    extra = tuple(
        Choice(value=value, title=title, keys=EXTRA_KEYS[value], is_class=False)
        for value, title in EXTRA_ANSWERS.items()
        if value not in labels
    )
    return classes + extra


def list_answers(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the values of `list_choices`."""
    return tuple(choice.value for choice in list_choices(labels))


def find_answer(text: str, labels: Sequence[str]) -> str:
    """Return the answer that another tool means by a word; empty if none. An expression that is no class is `other`.

    Args:
        text: a class or another word for its expression, or a name or title of another answer.
        labels: of the data set.

    Example:
        >>> [find_answer(word, ["happy", "sad"]) for word in ("Happiness", "No face", "anger", "chair")]
        ['happy', 'no_face', 'other', '']
    """
    label = ClassNames(tuple(labels)).find(text)
    if label:
        return label
    plain = text.strip().casefold().replace(" ", "_").replace("-", "_")
    names = {OTHER: (OTHER, "another_expression"), UNKNOWN: (UNKNOWN, "cannot_tell", "unsure")}
    names[NO_FACE] = (NO_FACE, "nf", "noface", "remove", "no_face,_or_unusable", "unusable")
    names[OTHER] += tuple(word for usual, others in CLASS_SYNONYMS.items() for word in (usual, *others))
    return next((value for value, words in names.items() if plain in words), "")


def _assign_letters(labels: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for label in labels:
        taken = RESERVED_KEYS.union(found.values())
        free = [letter for letter in label.casefold() if letter.isascii() and letter.isalpha() and letter not in taken]
        if free:
            found[label] = free[0]
    return found
