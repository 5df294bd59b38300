"""Names that people give to splits and classes, and the names that this project has for them."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from data.base.labels import CLASSES, SPLITS

SPLIT_SYNONYMS: Mapping[str, Sequence[str]] = {
    "train": ("training",),
    "validation": ("val", "valid", "dev", "publictest"),
    "test": ("testing", "privatetest"),
}
"""Other names of the splits. `PublicTest` and `PrivateTest` are those of FER2013: its validation and test split."""

CLASS_SYNONYMS: Mapping[str, Sequence[str]] = {
    "happy": ("happiness", "joy"),
    "neutral": ("calm",),
    "sad": ("sadness",),
    "surprise": ("surprised",),
}

CACHED_NAMES = 4096
"""Names that are remembered: a data set has few, a hostile one has as many as it likes."""


@lru_cache(CACHED_NAMES)
def find_split(name: str) -> str | None:
    """Return the split that a folder's name means, or None; case, blanks and punctuation do not count.

    Examples:
        >>> find_split("Public Test"), find_split("VAL"), find_split("angry")
        ('validation', 'validation', None)
    """
    return _find(name, SPLITS, SPLIT_SYNONYMS)


@lru_cache(CACHED_NAMES)
def find_class(name: str) -> str | None:
    """Return the class that a folder's name means, or None; case, blanks and punctuation do not count.

    Examples:
        >>> find_class("Happiness"), find_class(" surprised"), find_class("angry")
        ('happy', 'surprise', None)
    """
    return _find(name, CLASSES, CLASS_SYNONYMS)


def _find(name: str, known: Sequence[str], synonyms: Mapping[str, Sequence[str]]) -> str | None:
    plain = re.sub(r"[\W_]+", "", name.casefold())
    return next((one for one in known if plain == one or plain in synonyms.get(one, ())), None)
