"""Wording of findings: counts and lists of values as phrases."""

from collections.abc import Iterable

EXAMPLES = 10
"""Offending images named in a finding."""

VALUES = 5
"""Offending values, such as sizes, named in a finding."""


def count_found(images: int, noun: str, phrase: str) -> str:
    """Say how many images were found, such as "3 train images found again in test"."""
    if images == 0:
        return f"no {noun} found {phrase}"
    return f"{images:,} {noun}{'' if images == 1 else 's'} found {phrase}"


def name_values(values: Iterable[str]) -> str:
    """Name the distinct values among these, such as "30x30, 64x64", with "(none)" for an empty value."""
    distinct = sorted({value or "(none)" for value in values})
    more = f" and {len(distinct) - VALUES} more" if len(distinct) > VALUES else ""
    return ", ".join(distinct[:VALUES]) + more
