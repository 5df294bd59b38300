"""How findings are put into words."""

EXAMPLES = 10
"""Offending images named in a finding."""


def count_found(images: int, noun: str, phrase: str) -> str:
    """Say how many images were found, such as "3 train images found again in test"."""
    if images == 0:
        return f"no {noun} found {phrase}"
    return f"{images:,} {noun}{'' if images == 1 else 's'} found {phrase}"
