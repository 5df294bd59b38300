"""Names that people give to splits and classes, and the names that a data set's format has for them."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from data.base.data_format import SEED_FORMAT
from data.base.parts import SPLITS

SPLIT_SYNONYMS: Mapping[str, Sequence[str]] = {
    "train": ("training",),
    "validation": ("val", "valid", "dev", "publictest"),
    "test": ("testing", "privatetest"),
}
"""Other names of the splits. `PublicTest` and `PrivateTest` are those of FER2013: its validation and test split."""

CLASS_SYNONYMS: Mapping[str, Sequence[str]] = {
    "angry": ("anger",),
    "contempt": ("contemptuous",),
    "disgust": ("disgusted",),
    "fear": ("fearful", "afraid", "scared"),
    "happy": ("happiness", "joy"),
    "neutral": ("calm",),
    "sad": ("sadness",),
    "surprise": ("surprised",),
}
"""Other names of expressions."""

CACHED_NAMES = 4096
"""Names that are remembered: a data set has few, a hostile one has as many as it likes."""


class ClassNames(NamedTuple):
    """Classes of a data set, and what else may stand for them."""

    labels: tuple[str, ...] = SEED_FORMAT.labels
    """Empty if every folder is a class of its own."""
    numbers: tuple[tuple[str, str], ...] = ()
    """Numbers, as text, with the label that a publication gives them for."""

    def find(self, name: str) -> str | None:
        """Return the class that a folder's name means, or None; case, blanks and punctuation do not count.

        A name means a class that is named so, or else one that is named by another word for the same expression.

        Examples:
            >>> ClassNames().find("Happiness"), ClassNames(("anger", "joy")).find("angry"), ClassNames().find("angry")
            ('happy', 'anger', None)
            >>> ClassNames(("surprise", "fear"), (("1", "surprise"), ("2", "fear"))).find("2")
            'fear'
        """
        return _find_class(name, self) if self.labels else name


@lru_cache(CACHED_NAMES)
def find_split(name: str) -> str | None:
    """Return the split that a folder's name means, or None; case, blanks and punctuation do not count.

    Examples:
        >>> find_split("Public Test"), find_split("VAL"), find_split("angry")
        ('validation', 'validation', None)
    """
    plain = _simplify(name)
    return next((split for split in SPLITS if plain in (split, *SPLIT_SYNONYMS[split])), None)


@lru_cache(CACHED_NAMES)
def _find_class(name: str, classes: ClassNames) -> str | None:
    plain = _simplify(name)
    if plain.isdecimal() and (label := dict(classes.numbers).get(str(int(plain)))):
        return label
    named_so = {_simplify(label): label for label in classes.labels}
    meaning = {_expression(word): label for word, label in reversed(named_so.items())}
    return named_so.get(plain) or meaning.get(_expression(plain))


def _expression(word: str) -> str:
    """Return the usual word for an expression; any other word is returned as it is."""
    return next((usual for usual, others in CLASS_SYNONYMS.items() if word in others), word)


def _simplify(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())
