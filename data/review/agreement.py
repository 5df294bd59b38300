"""Agreement of two people who answered the same images, and the pace of one."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import combinations, pairwise

from pydantic import Field

from data.base.record import Record
from data.base.times import parse_time
from data.review.answer import Line

LEAST_SHARED = 10
"""Images that two people must share before their agreement is shown: with few, it would tell single answers."""

PAUSE_SECONDS = 60.0
"""A longer time between two answers is a pause, and no part of the pace."""

RECENT_LINES = 100


class Agreement(Record):
    """Agreement of two people."""

    one: str
    other: str
    shared: int = Field(description="pictures that both answered")
    agreed: int = Field(description="pictures on which they gave the same answer")
    kappa: float | None = Field(
        description="Cohen's kappa, at most 1: 0 is what chance gives; None if both gave one and the same answer to all"
    )


def compare_people(people: Mapping[str, Mapping[str, Line]]) -> tuple[Agreement, ...]:
    """Compare every two people who share at least `LEAST_SHARED` pictures.

    An answer without a single most frequent choice, such as imported votes that are tied, is left out.

    Args:
        people: name -> the person's answers, by the hash of the picture; see `History.answers`.

    Source:
        Cohen 1960, A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20.
    """
    found = []
    for one, other in combinations(sorted(people), 2):
        shared = sorted(people[one].keys() & people[other].keys())
        pairs = [(people[one][picture].choice, people[other][picture].choice) for picture in shared]
        pairs = [pair for pair in pairs if all(pair)]
        if len(pairs) >= LEAST_SHARED:
            agreed = sum(first == second for first, second in pairs)
            found.append(Agreement(one=one, other=other, shared=len(pairs), agreed=agreed, kappa=measure_kappa(pairs)))
    return tuple(found)


def measure_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Measure Cohen's kappa of pairs of answers on the same images; None where it has no value."""
    from sklearn.metrics import cohen_kappa_score  # takes a second to import

    if len({answer for pair in pairs for answer in pair}) < 2:
        return None
    kappa = float(cohen_kappa_score([one for one, _ in pairs], [other for _, other in pairs]))
    return kappa if math.isfinite(kappa) else None


def images_per_hour(lines: Sequence[Line]) -> float | None:
    """Return how many images an hour a person answers at present, without pauses; None after fewer than two answers.

    Args:
        lines: of the person, the oldest first; imported ones do not count.
    """
    times: list[datetime] = [parse_time(line.at) for line in lines if line.origin == "page"][-RECENT_LINES:]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    gaps = [gap for gap in gaps if 0 <= gap <= PAUSE_SECONDS]
    spent = sum(gaps)
    return 3600 * len(gaps) / spent if spent > 0 else None
