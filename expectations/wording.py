"""Wording of findings: counts and lists of values as phrases."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

EXAMPLES = 10
"""Offending images or folders named in a finding."""

VALUES = 30
"""Offending values, such as sizes, named in a finding."""


def count_found(images: int, noun: str, phrase: str) -> str:
    """Say how many images were found, such as "3 train images found again in test"."""
    if images == 0:
        return f"no {noun} found {phrase}"
    return f"{images:,} {noun}{'' if images == 1 else 's'} found {phrase}"


def name_some(phrases: Sequence[str]) -> str:
    """Join phrases with commas, the first ten of them, and say how many more there are.

    Examples:
        >>> name_some(["train/sad", "test/sad"])
        'train/sad, test/sad'
        >>> name_some([f"train/{number}" for number in range(12)])[-27:]
        'train/8, train/9 and 2 more'
    """
    more = f" and {len(phrases) - EXAMPLES} more" if len(phrases) > EXAMPLES else ""
    return ", ".join(phrases[:EXAMPLES]) + more


def name_values(images: Mapping[str, int], allowed: Sequence[str] = ()) -> str:
    """Name values with the number of their images, the most frequent first.

    Args:
        images: value -> number of images; an empty value is named "(none)".
        allowed: values that were expected: one that is a word close to another is named with it.

    Examples:
        >>> name_values({"30x30": 1, "64x64": 2})
        '64x64 (2), 30x30 (1)'
        >>> name_values({"hapy": 1}, allowed=("happy", "sad"))
        'hapy (1, perhaps happy)'
    """
    counts = sorted(images.items(), key=lambda one: (-one[1], one[0]))
    more = f" and {len(counts) - VALUES} more" if len(counts) > VALUES else ""
    return ", ".join(f"{name or '(none)'} ({n:,}{_guess(name, allowed)})" for name, n in counts[:VALUES]) + more


def _guess(name: str, allowed: Sequence[str]) -> str:
    close = get_close_matches(name.casefold(), allowed, 1) if name.isalpha() else []
    return f", perhaps {close[0]}" if close else ""
